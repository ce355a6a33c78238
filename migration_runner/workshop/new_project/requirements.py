"""What an existing project needs to have installed, in the releases that it has here."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from typing import Final

# A URL names these, no import does. They are not the runner's, so somebody needs them here.
_DRIVERS: Final = frozenset({"asyncpg", "psycopg2"})
# SQLAlchemy's, for drivers that are async.
_BESIDE: Final = {"asyncpg": "greenlet"}
# The image has the releases that the runner works with.
_IN_THE_IMAGE: Final = frozenset({"alembic", "mako", "migration-runner", "psycopg"})


def find_requirements(modules: Iterable[str]) -> list[str]:
    """Return the packages that have these modules, and the drivers, as far as they are installed.

    `sqlalchemy` is among them if it is imported: a project may need an older release.
    """
    known = metadata.packages_distributions()
    wanted = {*modules, *_DRIVERS}
    wanted |= {_BESIDE[name] for name in wanted & _BESIDE.keys() if name in known}
    names = {name for module in wanted for name in known.get(module, ())}
    return sorted(
        f"{name}=={metadata.version(name)}" for name in names if name.lower() not in _IN_THE_IMAGE
    )
