"""Runs Alembic migrations against Postgres: waits, locks, upgrades, reports, exits."""

from __future__ import annotations

__version__ = "0.1.0"
