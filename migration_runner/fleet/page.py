"""The report of a fleet as one page of HTML, which needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from migration_runner.fleet.results import FAILED, OUTCOMES, UP_TO_DATE, Result, Results
from migration_runner.log.plain_text import plain_text
from migration_runner.log.redaction import redact
from migration_runner.report.report import RunReport

_STYLE: Final = """\
:root { color-scheme: light dark; --line: #8884; --bad: #c33; --good: #282; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left;
  vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.failed { color: var(--bad); } .applied { color: var(--good); }
"""
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<h1>{title}</h1>
<p>{sentence}</p>
<p>Run <code>{run_id}</code>, build <code>{build}</code>, {seconds:.1f} s.</p>
{sections}
</body>
</html>
"""


def render_page(results: Results, report: RunReport) -> str:
    """Render counts, failures, the slowest, and every target that was not up to date already."""
    everything = results.all()
    failed = [each for each in everything if each.outcome == FAILED]
    others = [each for each in everything if each.outcome not in (FAILED, UP_TO_DATE)]
    counts = (
        f'<tr>{_outcome(name)}<td class="number">{count}</td></tr>'
        for name, count in results.count().items()
    )
    sections = [
        _section("Outcomes", ("outcome", "targets"), counts),
        _section("Failed", ("target", "exit code", "what happened"), map(_failure, failed)),
        _section("Slowest", ("target", "seconds"), map(_slow, results.slowest())),
        _section("Targets", ("target", "outcome", "applied", "at"), map(_target, others)),
    ]
    return _PAGE.format(
        title="Migration of a fleet",
        style=_STYLE,
        sentence=_text(results.sentence()),
        run_id=_text(report.run_id),
        build=_text(report.build or "unknown"),
        seconds=report.elapsed(),
        sections="\n".join(filter(None, sections)),
    )


def _section(title: str, header: Iterable[str], rows: Iterable[str]) -> str:
    body = "\n".join(rows)
    if not body:
        return ""
    cells = "".join(f"<th>{name}</th>" for name in header)
    return f"<h2>{title}</h2>\n<table>\n<tr>{cells}</tr>\n{body}\n</table>"


def _failure(result: Result) -> str:
    what = f"{_text(result.summary)}<br><code>{_text(result.command)}</code>"
    code = f'<td class="number">{result.exit_code}</td>'
    return f'<tr><td class="failed">{_text(result.target)}</td>{code}<td>{what}</td></tr>'


def _slow(result: Result) -> str:
    seconds = f'<td class="number">{result.seconds or 0.0:.2f}</td>'
    return f"<tr><td>{_text(result.target)}</td>{seconds}</tr>"


def _target(result: Result) -> str:
    at = ", ".join(result.to_revisions or ())
    applied = f'<td class="number">{len(result.applied) or ""}</td>'
    name, outcome = _text(result.target), _outcome(result.outcome)
    return f"<tr><td>{name}</td>{outcome}{applied}<td>{_text(at)}</td></tr>"


def _outcome(name: str) -> str:
    # A run says it itself, and could say anything.
    kind = name if name in OUTCOMES else "other"
    return f'<td class="{kind}">{_text(name.replace("_", " "))}</td>'


def _text(text: str) -> str:
    return escape(plain_text(redact(text)))
