"""`config.attributes`, in which an env.py finds the connection that the runner offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import sqlalchemy

# Opens the runner's connection, for an env.py that asks for it; None if there is none.
# A string: SQLAlchemy 1.4 has no such name.
Offer: TypeAlias = "Callable[[], sqlalchemy.Connection] | None"
_OFFERED: Final = "connection"
# An env.py sets it if it has found no database, or no tenant, to run on.
_NOTHING: Final = "nothing_to_migrate"


def attributes_with(offer: Offer) -> dict[Any, Any]:
    """Return a value for `config.attributes` that has the runner's connection."""
    return _Attributes(offer)


def says_nothing_to_migrate(attributes: Mapping[Any, Any]) -> bool:
    """Whether an env.py that has configured nothing has said that this is intended."""
    return bool(attributes.get(_NOTHING))


class _Attributes(dict[Any, Any]):
    """`config.attributes`, whose connection is opened when env.py asks for it.

    An env.py with its own engine never asks, so no second connection is opened.
    """

    def __init__(self, offer: Offer) -> None:
        super().__init__()
        self._offer = offer

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (name == _OFFERED and self._offer is not None)

    def __getitem__(self, name: Any) -> Any:
        self._open(name)
        return super().__getitem__(name)

    def get(self, name: Any, default: Any = None) -> Any:
        self._open(name)
        return super().get(name, default)

    def pop(self, name: Any, *default: Any) -> Any:
        self._open(name)
        return super().pop(name, *default)

    def _open(self, name: Any) -> None:
        if name == _OFFERED and self._offer is not None and not super().__contains__(name):
            self[name] = self._offer()
