"""Runs Alembic migrations against Postgres: waits, locks, upgrades, reports, exits."""

__version__ = "0.1.0"
