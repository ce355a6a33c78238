"""Alembic projects of other people."""
