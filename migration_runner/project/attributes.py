"""`config.attributes`, in which an env.py finds the connection that is offered to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import sqlalchemy

# Opens the runner's own connection, for an env.py that asks for it; None: there is none.
# A string: SQLAlchemy 1.4 has no such name.
Offer: TypeAlias = "Callable[[], sqlalchemy.Connection] | None"
_OFFERED: Final = "connection"


def attributes_with(offer: Offer) -> dict[Any, Any]:
    """Return what `config.attributes` can be, with the runner's connection in it."""
    return _Attributes(offer)


class _Attributes(dict[Any, Any]):
    """`config.attributes`, whose connection is opened when an env.py asks for it.

    One with an engine of its own never asks, and the runner has no second connection then.
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
