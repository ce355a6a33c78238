"""An Alembic project as it is: its configuration, its revisions, its env.py.

The only room that imports Alembic. It imports `ledger` and what is below.
Start with `alembic_project`; Alembic's private names are used in `revisions` and `heads`.
"""
