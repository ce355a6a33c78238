"""The revision graph and its drawings."""
