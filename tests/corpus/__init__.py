"""Real projects of other people, as they are."""
