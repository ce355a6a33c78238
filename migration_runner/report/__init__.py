"""What a run did: its last line, the termination message, tables for people.

It imports `database` (the names of version tables) and `log`. Start with `report`, which
is gathered; `outcome` judges it, `summary` and `result` word it, `finish` writes it.
"""
