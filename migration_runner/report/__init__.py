"""What a run did: its last line, the termination message, tables for people.

It imports `database` (the names of version tables) and `log`. Start with `report`.
"""
