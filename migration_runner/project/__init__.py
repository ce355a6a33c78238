"""An unmodified Alembic project: its configuration, its revisions, its env.py.

The only room that imports Alembic. Imports `ledger` and the rooms below.
Start with `alembic_project`; `scripts`, `revisions` and `heads` use Alembic's private names.
"""
