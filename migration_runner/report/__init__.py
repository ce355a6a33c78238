"""What a run did: its last line, the termination message, tables for people.

Imports `database` (the names of version tables) and `log`. Start with `report`, which collects the
facts; `outcome` derives the exit code, `summary` and `result` describe them, `finish` writes them.
"""
