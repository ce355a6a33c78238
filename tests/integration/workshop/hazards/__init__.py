"""What a revision's statements do, and what is said of it."""
