"""`python -m migration_runner` is the command `migrate`."""

from __future__ import annotations

from migration_runner.start import main

if __name__ == "__main__":
    raise SystemExit(main())
