"""What is due, overdue or missing, in one list, each line with what mends it."""
