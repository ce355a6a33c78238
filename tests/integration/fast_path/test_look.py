"""The fast path says what the full path says, in every state, and answers where it may."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.fast_path import ENTRY_POINT, AtHead, Compared, Said
from tests.fixtures.project import Project


def _in_sql(*statements: str) -> Callable[[Project, Database], None]:
    def prepare(_project: Project, database: Database) -> None:
        for statement in statements:
            database.query(statement.format(owner=database.owner, name=database.name))

    return prepare


def _nothing(_project: Project, _database: Database) -> None:
    pass


def _write_another_revision(project: Project, _database: Database) -> None:
    project.revision("r3", "pass", down="r2")


def _remove_a_revision(project: Project, _database: Database) -> None:
    (project.versions / "r1.py").unlink(missing_ok=True)


def _edit_env(project: Project, _database: Database) -> None:
    path = project.folder / "migrations" / "env.py"
    path.write_text(path.read_text() + "# edited\n")


def _break_the_manifest(project: Project, _database: Database) -> None:
    path = project.folder / ".migrate-manifest"
    path.write_bytes(path.read_bytes()[:200])


@dataclass(frozen=True)
class State:
    """A database and a project that were at head, and what has happened to them since.

    Without an exit code, it is the full path's affair.
    """

    prepare: Callable[[Project, Database], None] = _nothing
    words: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    exit_code: int | None = 0


SEEN: Final = {
    "at head": State(),
    "upgrade": State(words=("upgrade",)),
    "upgrade head": State(words=("upgrade", "head")),
    "upgrade heads": State(words=("upgrade", "heads")),
    "MIGRATE_TARGET": State(variables={"MIGRATE_TARGET": "heads"}),
    "wait": State(words=("wait",)),
    "wait for heads": State(words=("wait",), variables={"MIGRATE_TARGET": "heads"}),
    "status": State(words=("status", "--check")),
    "status as JSON": State(words=("status", "--check", "--json")),
    "status with odd texts": State(
        _in_sql(
            "SET timezone = 'Asia/Kolkata'",
            "ALTER ROLE {owner} SET timezone = 'Asia/Kolkata'",
            "INSERT INTO migration_runner.ledger (version_table_schema, version_table, direction,"
            " revision, parents, message, file, file_sha256, started_at, duration_seconds, run_id,"
            " runner_version, host, run_lock_wait_seconds) SELECT 'public', 'alembic_version',"
            " 'upgrade', revision, ARRAY['a', 'b\"c'], E'tab\\t \\u0001 \\u00e9 \"x\" \\\\ /',"
            " NULL, file_sha256, '2026-01-02 03:04:05+00', 1, 'run', '1', 'höst', 1e-05"
            " FROM migration_runner.ledger WHERE revision = 'r2'",
        ),
        words=("status", "--check"),
        variables={"MIGRATE_BUILD": "v2"},
    ),
    "a build": State(variables={"MIGRATE_BUILD": "v1 für den Laden"}),
    "settings that do not matter": State(
        variables={
            "MIGRATE_WAIT_TIMEOUT": "5m",
            "MIGRATE_DDL_LOCK_TIMEOUT": "250ms",
            "MIGRATE_STATEMENT_TIMEOUT": "0",
            "MIGRATE_CHECKSUM": "fail",
            "MIGRATE_ON_AHEAD": "fail",
            "MIGRATE_LOG_FORMAT": "json",
            "MIGRATE_POOLER": "",
            "MIGRATE_HISTORIES": "",
            "MIGRATE_ROLE": "",
            "MIGRATE_HEARTBEAT": "",
            "PGSSLMODE": "prefer",
        }
    ),
    "a downgrade and an upgrade in the ledger": State(
        _in_sql(
            "INSERT INTO migration_runner.ledger (version_table_schema, version_table, direction,"
            " revision, file_sha256, run_id, runner_version) SELECT version_table_schema,"
            " version_table, d, revision, file_sha256, run_id, runner_version FROM"
            " migration_runner.ledger, unnest(ARRAY['downgrade', 'upgrade'])"
            " WITH ORDINALITY x(d, n) WHERE revision = 'r2' ORDER BY n"
        )
    ),
    "another version table's ledger": State(
        _in_sql(
            "INSERT INTO migration_runner.ledger (version_table_schema, version_table, direction,"
            " revision, run_id, runner_version) VALUES ('public', 'other', 'upgrade', 'r1', 'x',"
            " '1')"
        )
    ),
    "only reading": State(
        _in_sql("REVOKE INSERT ON migration_runner.ledger FROM {owner}"), words=("wait",)
    ),
}
NOT_SEEN: Final = {
    "behind": State(_in_sql("DROP TABLE two", "UPDATE alembic_version SET version_num = 'r1'")),
    "waiting": State(
        _in_sql("UPDATE alembic_version SET version_num = 'r1'"),
        ("wait",),
        {"MIGRATE_WAIT_TIMEOUT": "0"},
        3,
    ),
    "never migrated": State(
        _in_sql("DROP TABLE one, two, alembic_version", "DROP SCHEMA migration_runner CASCADE")
    ),
    "migrated by plain Alembic": State(_in_sql("DROP SCHEMA migration_runner CASCADE")),
    "something unrecorded": State(
        _in_sql("DELETE FROM migration_runner.ledger WHERE revision = 'r1'")
    ),
    "undone in the ledger": State(
        _in_sql("UPDATE migration_runner.ledger SET direction = 'downgrade' WHERE revision = 'r2'")
    ),
    "ahead": State(
        _in_sql(
            "UPDATE alembic_version SET version_num = 'r3'",
            "INSERT INTO migration_runner.ledger (version_table_schema, version_table, direction,"
            " revision, parents, run_id, runner_version) VALUES ('public', 'alembic_version',"
            " 'upgrade', 'r3', ARRAY['r2'], 'x', '1')",
        )
    ),
    "ahead and waiting": State(
        _in_sql(
            "UPDATE alembic_version SET version_num = 'r3'",
            "INSERT INTO migration_runner.ledger (version_table_schema, version_table, direction,"
            " revision, parents, run_id, runner_version) VALUES ('public', 'alembic_version',"
            " 'upgrade', 'r3', ARRAY['r2'], 'x', '1')",
        ),
        ("wait",),
    ),
    "diverged": State(
        _in_sql(
            "INSERT INTO migration_runner.ledger (version_table_schema, version_table, direction,"
            " revision, parents, run_id, runner_version) VALUES ('public', 'alembic_version',"
            " 'upgrade', 'x3', ARRAY['r1'], 'x', '1')",
            "UPDATE alembic_version SET version_num = 'x3'",
        ),
        exit_code=65,
    ),
    "unknown": State(_in_sql("UPDATE alembic_version SET version_num = 'x3'"), exit_code=65),
    "one row too many": State(_in_sql("INSERT INTO alembic_version VALUES ('r1')"), exit_code=65),
    "status when behind": State(
        _in_sql("UPDATE alembic_version SET version_num = 'r1'"), ("status", "--check"), exit_code=3
    ),
    "status, unchecked": State(words=("status",)),
    "status of a database that is not there": State(
        words=("status", "--check"),
        variables={"DATABASE_URL": "postgresql://shop@127.0.0.1:1/shop"},
        exit_code=69,
    ),
    "a new revision": State(_write_another_revision),
    "a revision gone": State(_remove_a_revision, exit_code=65),
    "env.py edited": State(_edit_env),
    "half a manifest": State(_break_the_manifest),
    "applied from another file": State(
        _in_sql("UPDATE migration_runner.ledger SET file_sha256 = 'x', code_sha256 = 'y'")
    ),
    "no ledger": State(variables={"MIGRATE_LEDGER": "off"}),
    "a ledger at all costs": State(variables={"MIGRATE_LEDGER": "require"}),
    "an unreadable ledger": State(_in_sql("REVOKE ALL ON migration_runner.ledger FROM {owner}")),
    "an unreadable version table": State(
        _in_sql("REVOKE ALL ON alembic_version FROM {owner}"), exit_code=77
    ),
    "a version table that hides rows": State(
        _in_sql(
            "INSERT INTO alembic_version VALUES ('r1')",
            "ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE alembic_version FORCE ROW LEVEL SECURITY",
            "CREATE POLICY newest ON alembic_version USING (version_num = 'r2')",
        ),
        exit_code=None,
    ),
    "a ledger that hides rows": State(
        _in_sql(
            "INSERT INTO migration_runner.ledger (version_table_schema, version_table, direction,"
            " revision, run_id, runner_version) VALUES ('public', 'alembic_version', 'downgrade',"
            " 'r2', 'x', '1')",
            "ALTER TABLE migration_runner.ledger ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE migration_runner.ledger FORCE ROW LEVEL SECURITY",
            "CREATE POLICY newest ON migration_runner.ledger USING (direction = 'upgrade')",
        ),
        exit_code=None,
    ),
    "a revision of another image, without a digest": State(
        _in_sql(
            "INSERT INTO migration_runner.ledger (version_table_schema, version_table, direction,"
            " revision, run_id, runner_version) VALUES ('public', 'alembic_version', 'upgrade',"
            " 'x3', 'x', '1')",
        ),
        exit_code=None,
    ),
    "another version table before it": State(
        _in_sql(
            "CREATE SCHEMA {owner}",
            "CREATE TABLE {owner}.alembic_version (version_num text PRIMARY KEY)",
            "INSERT INTO {owner}.alembic_version VALUES ('r2')",
        ),
        exit_code=None,
    ),
    "a read-only database": State(
        _in_sql("ALTER DATABASE {name} SET default_transaction_read_only = on"),
        variables={"MIGRATE_WAIT_TIMEOUT": "0"},
        exit_code=69,
    ),
    "nobody there": State(
        variables={
            "DATABASE_URL": "postgresql://shop@127.0.0.1:1/shop",
            "MIGRATE_WAIT_TIMEOUT": "0",
        },
        exit_code=69,
    ),
    "an unknown role": State(variables={"MIGRATE_ROLE": "nobody_of_that_name"}, exit_code=77),
    "another target": State(words=("upgrade", "r1")),
    "a word too many": State(words=("upgrade", "head", "--tag", "x")),
    "an unknown word": State(words=("upgarde",), exit_code=64),
    "a wrong setting": State(variables={"MIGRATE_HEARTBEAT": "0"}, exit_code=78),
    "a wrong duration": State(variables={"MIGRATE_WAIT_TIMEOUT": "soon"}, exit_code=78),
    "an unknown setting": State(variables={"MIGRATE_WAIT": "1m"}, exit_code=78),
    "an unknown setting without a value": State(variables={"MIGRATE_WAIT": ""}, exit_code=78),
    "a variable of libpq's": State(variables={"PGOPTIONS": "-c search_path=other"}, exit_code=77),
    "two URLs": State(variables={"DATABASE_URL_FILE": "x"}, exit_code=78),
    "not a URL": State(variables={"DATABASE_URL": "shop"}, exit_code=78),
    "no database": State(variables={"DATABASE_URL": ""}, exit_code=78),
    "less of a log": State(variables={"MIGRATE_LOG_LEVEL": "warning"}),
    "a log for people": State(variables={"MIGRATE_LOG_FORMAT": "console"}),
    "a password in the log": State(variables={"MIGRATE_BUILD": "https://ci:secret@builds/7"}),
    "a build that must be escaped": State(variables={"MIGRATE_BUILD": 'the "big" one'}),
    "several histories": State(variables={"MIGRATE_HISTORIES": "alembic"}),
}


def _say(
    at_head: AtHead, twins: tuple[Database, Database], state: State
) -> tuple[Said, Said, Compared]:
    compared = at_head.restored()
    for database in twins:
        state.prepare(at_head.project, database)
    expected = compared.without_fast_path(twins[1], *state.words, **state.variables)
    said = compared.with_fast_path(twins[0], *state.words, **state.variables)
    return expected, said, compared


@pytest.mark.parametrize("name", SEEN)
def test_the_fast_path_is_enough(
    name: str, at_head: AtHead, twins: tuple[Database, Database]
) -> None:
    expected, said, compared = _say(at_head, twins, SEEN[name])

    assert expected == said
    assert 0 == said.exit_code
    assert compared.was_fast


@pytest.mark.parametrize("name", NOT_SEEN)
def test_the_fast_path_steps_aside(
    name: str, at_head: AtHead, twins: tuple[Database, Database]
) -> None:
    expected, said, compared = _say(at_head, twins, NOT_SEEN[name])

    assert expected == said
    assert NOT_SEEN[name].exit_code in (said.exit_code, None)
    assert not compared.was_fast


def test_a_pipe_with_the_url_is_for_the_full_path(at_head: AtHead, tmp_path: Path) -> None:
    """It can be read only once. As `DATABASE_URL_FILE=<(...)` in a shell."""
    at_head.restored()
    pipe = tmp_path / "url"
    os.mkfifo(pipe)
    command = [at_head.migrate.python, "-IS", ENTRY_POINT]
    running = at_head.migrate.start_command(
        command, DATABASE_URL_FILE=str(pipe), PYTHONPROFILEIMPORTTIME="1"
    )
    # Opening it waits for a reader, which there is none of if the run goes wrong.
    writer = threading.Thread(target=pipe.write_text, args=[at_head.database.url], daemon=True)
    writer.start()
    result = running.wait()

    assert "up_to_date" == result.finished["outcome"]
    assert "migration_runner.cli" in result.stderr


def test_a_file_with_the_url(at_head: AtHead, tmp_path: Path) -> None:
    compared = at_head.restored()
    file = tmp_path / "url"
    file.write_text(f"{at_head.database.url}\n", encoding="utf-8-sig")

    said = compared.with_fast_path(at_head.database, DATABASE_URL="", DATABASE_URL_FILE=str(file))

    assert 0 == said.exit_code
    assert compared.was_fast
