"""Writes a result to standard output in one of the formats."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from migration_runner.log import streams
from migration_runner.log.plain_text import plain_text, without_surrogates
from migration_runner.workshop.formats.document import describe_result
from migration_runner.workshop.formats.github import render_annotations, render_summary
from migration_runner.workshop.formats.sarif import describe_run
from migration_runner.workshop.formats.text import render_text
from migration_runner.workshop.result import VerifyResult

# As after `--format`; the first one is the default.
FORMATS: Final = ("text", "json", "github", "sarif")


def write_result(result: VerifyResult, name: str) -> None:
    """Write the result in the format of that name; for GitHub, also the step's summary."""
    if name == "json":
        streams.write_facts(describe_result(result))
    elif name == "sarif":
        streams.write_facts(describe_run(result))
    elif name == "github":
        streams.write_answer(render_annotations(result))
        if file := os.environ.get("GITHUB_STEP_SUMMARY"):
            _append(Path(file), render_summary(result))
    else:
        streams.write_answer(render_text(result))


def _append(file: Path, text: str) -> None:
    try:
        with file.open("a", encoding="utf-8") as summary:
            summary.write(plain_text(without_surrogates(text)))
    except OSError as error:
        streams.write_answer(f"The step's summary cannot be written: {error.strerror}.")
