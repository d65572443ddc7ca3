"""What happened: events, journals, and the run that writes them."""
