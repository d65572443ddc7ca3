"""What the watch keeps: records as values, their tables, one writer, what is read back."""
