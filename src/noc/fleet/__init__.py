"""What we run: the fleet file, the inventory, and what is derived from them."""
