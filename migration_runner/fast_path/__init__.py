"""The run that has nothing to do: it ends before anything else is imported.

Uses only the interpreter's built-in modules and libpq, and imports no other room.
Start with `look`, which compares the database with the manifest that `build` writes.
"""
