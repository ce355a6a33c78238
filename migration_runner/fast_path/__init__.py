"""The run that has nothing to do: over before anything is imported.

It uses the interpreter's built-in modules and libpq only, and imports no other room.
Start with `look`; what it compares with is the manifest that `build` writes.
"""
