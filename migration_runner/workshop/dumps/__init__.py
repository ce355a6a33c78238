"""Two dumps of schemas, compared object by object: what Alembic does not see."""
