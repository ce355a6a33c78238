#!/usr/bin/python3
"""The container's entry point: the command `migrate`."""

from __future__ import annotations

from migration_runner.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
