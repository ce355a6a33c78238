"""One run, from the decision to the verification."""
