"""Variables, flags, URLs and durations."""
