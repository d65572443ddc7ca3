"""Looking at nodes without changing them."""
