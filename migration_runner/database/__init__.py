"""Connections and sessions: connecting, waiting, the run lock, the observer, SQL as text.

It imports `settings`, `log` and the fast path's kept connection; of Alembic it knows nothing.
Start with `probe` (how a connection is made) and `session` (what a work session is).
"""
