"""What the fast path may import: nothing that takes longer than the look itself."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Final

from tests.fixtures.fast_path import ENTRY_POINT, AtHead

# What Python imports for itself.
ITS_OWN: Final = {"zipimport", "abc", "codecs", "io"}


def test_only_this(at_head: AtHead) -> None:
    at_head.restored()
    result = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-X", "importtime", "-IS", ENTRY_POINT],
        cwd=at_head.project.folder,
        env={**at_head.migrate.environment, "DATABASE_URL": at_head.database.url},
        check=True,
        capture_output=True,
        text=True,
    )

    imported = set(re.findall(r"^import time:.*\| +([\w.]+)$", result.stderr, re.MULTILINE))
    ours = {name for name in imported if name.startswith("migration_runner")}
    other = {name for name in imported - ours if not name.startswith(("_", "encodings"))}

    assert "run_finished" in result.stdout
    assert other <= ITS_OWN | set(sys.builtin_module_names)
    assert {
        "migration_runner",
        "migration_runner.start",
        "migration_runner.fast_path",
        "migration_runner.fast_path.look",
        "migration_runner.fast_path.libpq",
        "migration_runner.fast_path.report",
        "migration_runner.fast_path.eligibility",
        "migration_runner.fast_path.files",
        "migration_runner.fast_path.url",
        "migration_runner.fast_path.manifest_file",
    } == ours
