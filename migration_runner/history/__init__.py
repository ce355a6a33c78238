"""The image's revisions: their graph, their digests, a database's relation to them, drawings.

Imports `settings` and the fast path's manifest; uses neither Alembic nor a connection.
Start with `history`, then `relation`: behind, at head, ahead, diverged.
"""
