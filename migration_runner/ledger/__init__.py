"""The ledger: who applied which revision, when, from which build.

It imports `report` and what is below. `table` is the SQL; `keeper` decides when it is written.
"""
