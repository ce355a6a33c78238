"""The image's revisions: their graph, their digests, how a database stands to them, drawings.

It imports `settings` and the fast path's manifest, and knows neither Alembic nor a connection.
Start with `history`, then `relation`: behind, at head, ahead, diverged.
"""
