"""The fleet's names: which records there should be, what changes that takes, and the two ways to make them."""
