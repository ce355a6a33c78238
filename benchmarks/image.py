"""The image's size, if a local engine has it."""

from __future__ import annotations

import shutil
from typing import Final

from benchmarks.programs import first_line

_MEGABYTE: Final = 1_000_000


def image_size(image: str) -> str:
    """Return a sentence."""
    if shutil.which("docker") is None:
        return "Image size: left out, no Docker engine."
    size = first_line("docker", "image", "inspect", "--format", "{{.Size}}", image)
    if not size:
        return f"Image size: left out, no image `{image}` (`make image` builds it)."
    return f"Image size: {int(size) / _MEGABYTE:.1f} MB, uncompressed (`{image}`)."
