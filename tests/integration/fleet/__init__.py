"""Many databases, many schemas."""
