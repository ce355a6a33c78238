"""The run that has nothing to do."""
