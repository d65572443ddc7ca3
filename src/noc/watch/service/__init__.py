"""The running watch: state, deadlines, and what is stored of both."""
