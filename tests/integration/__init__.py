"""Against a real Postgres."""
