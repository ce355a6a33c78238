"""An unmodified Alembic project: its configuration, its revisions, its env.py.

The only room that imports Alembic. Imports `ledger` and the rooms below.
Start with `alembic_project`. Alembic's private names are used in `script_map`, `revision_files`,
`every_file` and `heads`.
"""
