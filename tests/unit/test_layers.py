"""Dependencies point down only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.fixtures.runner import ROOT

PACKAGE = ROOT / "migration_runner"
# From the ground up. A module imports only what stands before it.
ORDER = [
    # what needs nothing but the interpreter
    *("manifest_file", "glance_settings", "glance_url", "glance_report", "glance_libpq"),
    *("kept_connection", "start_lock", "glance"),
    # ground
    *("errors", "events", "clock", "durations", "console", "redaction", "logs", "sql_text"),
    *("sql_literals", "revision_digest", "revision_names", "database_url", "database_address"),
    *("variables", "settings", "signals", "version_tables", "termination", "report"),
    # parts
    *("connection_errors", "driver_connection", "probe", "engine", "project_connections"),
    *("run_lock", "session", "other_databases", "session_lock", "pooler", "history"),
    *(
        "history_notes",
        "history_graph",
        "graph_text",
        "graph_mermaid",
        "graph_svg",
        "ledger",
        "ledger_keeper",
    ),
    *(
        "relation",
        "moves",
        "project_errors",
        "alembic_loading",
        "alembic_command_line",
        "flask_project",
    ),
    *(
        "alembic_revisions",
        "alembic_heads",
        "alembic_attributes",
        "alembic_context",
        "alembic_bridge",
        "invalid_indexes",
        "statement_guard",
        "blockers",
    ),
    *("observer", "retries"),
    # use cases
    *("progress", "failures", "run_context", "state", "judgement", "work_session"),
    *("revision_watch", "env_connections", "env_run", "passes", "upgrade", "wait", "status"),
    *("model_drift", "tables", "child"),
    # a build's
    *("env_watch", "nowhere", "env_probe", "status_query", "start_lock_query", "manifest"),
    # the command line
    *("commands", "commands.begin", "commands.history_graph", "commands.alembic"),
    *("commands.build", "commands.check", "commands.config", "commands.downgrade"),
    *("commands.exec", "commands.ledger", "commands.stamp", "commands.status"),
    *("commands.upgrade", "commands.wait", "verbs", "cli", "alembic_import", "start", "__main__"),
]


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py")) if _name(path)}


def _imports(path: Path) -> set[str]:
    """Return the dotted names that a module imports, also inside of functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_every_module_has_its_place() -> None:
    assert set(ORDER) == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_below_it(module: str) -> None:
    ours = {name.removeprefix("migration_runner.") for name in _imports(MODULES[module])}
    above = set(ORDER[ORDER.index(module) :])
    assert not ours & above


@pytest.mark.parametrize(
    "module",
    sorted(name for name in MODULES if not name.startswith(("alembic_", "flask_"))),
)
def test_only_its_own_modules_import_alembic(module: str) -> None:
    assert not {name for name in _imports(MODULES[module]) if name.split(".")[0] == "alembic"}


@pytest.mark.parametrize("path", sorted((ROOT / "models").rglob("*.py")), ids=lambda p: p.name)
def test_models_know_nothing_of_the_runner(path: Path) -> None:
    assert not {name for name in _imports(path) if name.startswith("migration_runner")}
