"""The ledger: who applied which revision, when, from which build.

Imports `report` and the rooms below. `rows` and `schema` have the SQL; `keeper` decides when it is
written.
"""
