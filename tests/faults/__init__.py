"""Random faults, and what the next run makes of them."""
