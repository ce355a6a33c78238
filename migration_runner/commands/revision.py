"""`migrate revision --autogenerate` without a database: on a server that is started for it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import Any, Final

from migration_runner.commands.head_file import keep_head_file
from migration_runner.commands.invocation import Invocation
from migration_runner.errors import HistoryError, RevisionFailed, SchemaDrift
from migration_runner.log import streams
from migration_runner.settings.settings import Settings
from migration_runner.workshop import autogenerate as tool
from migration_runner.workshop.autogenerate import Options, Written
from migration_runner.workshop.chosen_renames import rename_option
from migration_runner.workshop.dumps.renames import PossibleRename
from migration_runner.workshop.formats.places import relative

_REFUSED: Final = "No revision was written."
_NOTHING: Final = "Models and history match: there is nothing to write."


def autogenerate(
    invocation: Invocation, settings: Settings, words: Sequence[str], options: Options
) -> None:
    """Write a revision from the models.

    Raises `RevisionFailed` if it fails when it is tried, `SchemaDrift` if nothing can be written.
    """
    settings.require_one_history()
    written = tool.autogenerate(settings, words, options, _ask)
    if invocation.options.as_json or not streams.answers_on_terminal():
        streams.write_facts(_facts(written))
    else:
        streams.write_answer("\n".join(_sentences(written)))
    if written.left and not written.file:
        message = (
            "No revision was written. Models and history differ, but not in what can be written"
            f" without a decision: {' '.join(each.sentence for each in written.left)} Standard"
            " output says what to write."
        )
        raise SchemaDrift(message, differences=len(written.left))
    if written.file:
        # One that cannot be imported is named below.
        with contextlib.suppress(HistoryError):
            keep_head_file(settings)
    invocation.report.conclusion = "written" if written.file else "up_to_date", _summary(written)
    failed = [each for each in written.findings if each.check in ("upgrade-fails", "broken-file")]
    if failed and written.file:
        message = (
            f"{relative(written.file)} was written, but fails when it is applied:"
            f" {failed[0].message} Correct the file, then: migrate verify."
        )
        raise RevisionFailed(message, revision=written.revision, file=str(written.file))


def _ask(rename: PossibleRename) -> bool:
    """Ask on a terminal whether something was renamed; elsewhere it was not."""
    if not (sys.stdin.isatty() and streams.answers_on_terminal()):
        return False
    where = f"{rename.table}." if rename.kind == "column" else ""
    streams.write_answer(f"Was {where}{rename.old} renamed to {rename.new}? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _summary(written: Written) -> str:
    if written.file is None:
        return _REFUSED if written.left else _NOTHING
    return f"Wrote {relative(written.file)}."


def _sentences(written: Written) -> list[str]:
    lines = [_summary(written)]
    lines += [
        f"{each} defines tables, but nothing imports it: they are not in the metadata."
        for each in written.unimported
    ]
    if written.file is not None:
        tried = ", ".join(written.tried)
        lines.append(f"Tried on {written.server}: {tried}.")
    lines += [f"{each.message} {each.advice}".strip() for each in written.findings]
    if written.left:
        lines.append("What still differs between models and history:")
        lines += [f"  {each.sentence} {each.advice}".rstrip() for each in written.left]
    elif written.compared:
        lines.append("No difference is left between models and history.")
    lines += [
        f"If {each.old} was renamed to {each.new}, remove the file, and run it again with"
        f" --rename {rename_option(each)}."
        for each in written.possible
    ]
    return lines


def _facts(written: Written) -> dict[str, Any]:
    return {
        "file": str(written.file) if written.file else None,
        "revision": written.revision or None,
        "server": written.server,
        "tried": list(written.tried),
        "left": [{"difference": each.sentence, "advice": each.advice} for each in written.left],
        "findings": [{"check": each.check, "message": each.message} for each in written.findings],
        "possible_renames": [
            {"table": each.table, "old": each.old, "new": each.new} for each in written.possible
        ],
        "not_imported": list(written.unimported),
    }
