"""The project of this checkout, whatever its models and revisions are: also none."""
