"""What people look at: the page, its parts, its stream of changes."""
