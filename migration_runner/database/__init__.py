"""Connections and sessions: connecting, waiting, the run lock, the observer, SQL as text.

Imports `settings`, `log` and the fast path's kept connection; does not use Alembic.
Start with `probe` (how to connect) and `session` (what a work session is).
"""
