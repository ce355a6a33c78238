"""The last line, the termination message and tables."""
