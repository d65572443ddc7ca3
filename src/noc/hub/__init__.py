"""HQ itself: identities, the self-extracting file, the installation."""
