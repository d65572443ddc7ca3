"""A release: built, signed, verified and kept by its content's hash."""
