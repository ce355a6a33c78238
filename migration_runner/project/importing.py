"""Imports Alembic without Mako, which only new revisions need: this saves a tenth of the time.

`alembic.util.pyfiles` imports Mako's `Template`, and Mako imports Pygments, if it is installed, for
the colours of its error pages (https://docs.makotemplates.org/en/latest/usage.html#common-framework-integrations).
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, Final

_TEMPLATE: Final = "mako.template"
_PYGMENTS: Final = "mako.ext.pygmentplugin"


def import_alembic() -> None:
    """Import Alembic. Mako's `Template` is imported when it is used."""
    if _TEMPLATE in sys.modules:
        return
    stand_in: Any = ModuleType(_TEMPLATE)
    stand_in.Template = _make_template
    # None makes an import fail, so that Mako does without Pygments.
    stand_ins: dict[str, Any] = {_TEMPLATE: stand_in, _PYGMENTS: None}
    sys.modules.update(stand_ins)
    try:
        importlib.import_module("alembic.util.pyfiles")
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _make_template(*arguments: Any, **words: Any) -> Any:
    return importlib.import_module(_TEMPLATE).Template(*arguments, **words)
