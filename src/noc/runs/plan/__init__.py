"""What a run will do, as data: made purely, printable, with a digest."""
