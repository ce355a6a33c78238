"""The container's entry point: the command `migrate`, next to `alembic.ini`."""

from __future__ import annotations

from migration_runner.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
