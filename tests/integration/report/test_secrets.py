"""Every way that a secret can leave: none of them shows the canary."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.project import ENV_PY, Project
from tests.fixtures.runner import Migrate, Result
from tests.fixtures.terminal import run_on_terminal

# Spelled as it is, since only what stands before it shows that it is a secret.
UNKNOWN = "Unknown7canary"
# Of a variable that is not the runner's.
TOKEN = "tok'en  \\canary%7"
TOKEN_SPELLINGS = [
    TOKEN,
    TOKEN.replace("'", "''"),
    repr(TOKEN)[1:-1],
    " ".join(TOKEN.split()),
    quote(TOKEN),
    quote(TOKEN, safe="").lower(),
    json.dumps(TOKEN)[1:-1],
    json.dumps(json.dumps(TOKEN)[1:-1])[1:-1],
    TOKEN.replace("%", "%%"),
]


def _run(migrate: Migrate, project: Project, **variables: str) -> tuple[Result, str]:
    """Return the result, and all that was said, at debug and in the termination message."""
    log = project.folder / "termination-log"
    log.touch()
    result = migrate.run(MIGRATE_LOG_LEVEL="debug", MIGRATE_TERMINATION_LOG=str(log), **variables)
    return result, result.stdout + result.stderr + log.read_text()


# One in a line, since each rule hides what follows up to its end.
NEXT = "\n"
SECRETS = [
    *TOKEN_SPELLINGS,
    f"postgresql://own:ab/{UNKNOWN}@db/shop",
    f"postgresql://own:a@b{UNKNOWN}@db:5432,db2/shop",
    f"postgresql+psycopg://db/shop?user=own&sslpassword={UNKNOWN}&x=y",
    f"host=db password='{UNKNOWN}' user=x",
    f"redis://:{UNKNOWN}@cache:6379/0",
    f"{{'password': '{UNKNOWN}', 'host': 'db'}}",
    f'{{"db_password": "{UNKNOWN}"}}',
]
IMPORTS = ["import logging, sys, threading, warnings", "import structlog"]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER ROLE nobody_here PASSWORD '{}'",
        "ALTER ROLE nobody_here ENCRYPTED PASSWORD  E'a\\'{}'",
        "ALTER ROLE nobody_here PASSWORD $${}$$",
        "ALTER ROLE nobody_here PASSWORD $a${}$a$ VALID UNTIL '2030-01-01'",
        "ALTER ROLE nobody_here PASSWORD /* new */ 'it''s {}'",
        "ALTER ROLE nobody_here PASSWORD\n\t'{}'",
        "ALTER ROLE nobody_here PASSWORD '{}' 'x'",
        "ALTER ROLE nobody_here PASSWORD 'x'{}'",
        "DO $do$ BEGIN EXECUTE 'ALTER ROLE nobody_here PASSWORD ''{}'''; END $do$",
        "DO $do$ BEGIN EXECUTE 'ALTER ROLE nobody_here PASSWORD ' || quote_literal('{}'); END $do$",
        "CREATE USER MAPPING FOR x SERVER y OPTIONS (user 'x', password '{}')",
        "ALTER ROLE nobody_here IDENTIFIED BY '{}'",
        "SELECT dblink_connect('host=db password={} user=x')",
        "SELECT nothing('postgresql://x:a/b@{}@db/shop')",
        "SELECT nothing('postgresql://db/shop?user=x&password={}')",
        "DO $do$ BEGIN RAISE EXCEPTION USING MESSAGE = 'PASSWORD ''{0}''',"
        " DETAIL = 'password={0}', HINT = 'postgresql://x:{0}@db'; END $do$",
    ],
)
def test_a_password_in_a_revisions_sql(
    database: Database, project: Project, migrate: Migrate, statement: str
) -> None:
    sql = statement.format(UNKNOWN)
    project.revision("r1", f"op.get_bind().exec_driver_sql({sql!r})")

    result, said = _run(migrate, project, DATABASE_URL=database.url)

    assert result.exit_code in (1, 77), result.stdout
    assert result.of("revision_failed")
    assert UNKNOWN not in said


def test_a_password_in_a_statement_that_succeeds(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1", f"op.execute(\"SELECT 'PASSWORD ''{UNKNOWN}'''\")")

    result, said = _run(migrate, project, DATABASE_URL=database.url)

    assert 0 == result.exit_code, result.stdout
    assert any("PASSWORD '***'" in each["statement"] for each in result.of("statement_executed"))
    assert UNKNOWN not in said


@pytest.mark.parametrize(
    "spoiler",
    [
        "print(secret)",
        "print(secret, file=sys.stderr)",
        "sys.stderr.write(secret + chr(10))",
        "logging.getLogger('x').error(secret)",
        "logging.getLogger('x').error('%d', secret)",
        "structlog.get_logger().info('x', y=[{secret: 1}])",
        "t = threading.Thread(target=int, args=(secret,)); t.start(); t.join()",
        "warnings.warn(secret)",
        "raise ValueError(secret)",
        "raise SystemExit(secret)",
        "raise KeyError(secret)",
        "raise RuntimeError('x' * 1330 + secret + 'x' * 9000)",
        "raise RuntimeError('x' * 9000 + secret + 'x' * 650)",
    ],
)
def test_what_env_py_says(
    database: Database, project: Project, migrate: Migrate, spoiler: str
) -> None:
    lines = [f"for secret in {SECRETS!r}:", f"    {spoiler}"]
    if spoiler.startswith("raise"):
        quoted = "SystemExit" in spoiler or "KeyError" in spoiler
        secrets = [TOKEN, *SECRETS[len(TOKEN_SPELLINGS) :]] if quoted else SECRETS
        lines = [f"secret = {NEXT.join(secrets)!r}", spoiler]
    project.write_env("\n".join([*IMPORTS, *lines, ENV_PY]))
    project.revision("r1")

    result, said = _run(
        migrate,
        project,
        DATABASE_URL=database.url,
        SHOP_TOKEN=TOKEN,
        PYTHONWARNINGS="default",
    )

    assert result.finished
    assert "canary" not in said


@pytest.mark.parametrize(
    "words",
    [
        ["upgrade", "{}"],
        ["--{}", "upgrade"],
        ["upgrade", "--wait-timeout", "{}"],
        ["revision", "--{}"],
        ["history", "-r", "{}"],
        ["config", "--role", "{}"],
        ["exec", "--", "PGPASSWORD={}", "psql"],
        ["exec", "--", "sh", "-c", "echo {}; echo {} >&2"],
        ["downgrade", "{}", "--yes"],
        ["stamp", "{}"],
        ["{}"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("secret", [TOKEN, f"postgresql://x:{UNKNOWN}@127.0.0.1:1/shop"])
def test_the_command_line(
    database: Database, project: Project, migrate: Migrate, words: list[str], secret: str
) -> None:
    project.revision("r1")

    result = migrate.run(
        *(word.format(secret, secret) for word in words),
        DATABASE_URL=database.url,
        SHOP_TOKEN=TOKEN,
        MIGRATE_LOG_LEVEL="debug",
    )

    assert "canary" not in result.stdout + result.stderr


@pytest.mark.parametrize("words", [["history", "-v"], ["show", "r1"], ["history", "--graph"], []])
def test_a_docstring(
    database: Database, project: Project, migrate: Migrate, words: list[str]
) -> None:
    """Also in the ledger, in drawings and in what Alembic prints, without escape sequences."""
    path = project.revision("r1")
    _, _, rest = path.read_text().partition('"""\n')
    path.write_text(f'"""Sets \\x1b]0;x\\x07 {TOKEN!r} postgresql://x:{UNKNOWN}@db."""\n' + rest)
    variables = {"DATABASE_URL": database.url, "SHOP_TOKEN": TOKEN}
    if words:
        result = migrate.run(*words, **variables)
        assert 0 == result.exit_code, result.stderr
        texts = [result.stdout]
    else:
        assert 0 == migrate.run(**variables).exit_code
        texts = [migrate.run("ledger", "--json", **variables).stdout]
        for verb in ("ledger", "status"):
            texts.append(run_on_terminal(project, migrate, verb, **variables).text)

    for text in texts:
        assert text
        assert "canary" not in text
        assert "\x1b" not in text
        assert "\x07" not in text


@pytest.mark.parametrize("place", ["variable", "file", "pgpass", "service"])
def test_where_secrets_are(
    database: Database, project: Project, migrate: Migrate, tmp_path: Path, place: str
) -> None:
    file = tmp_path / "mounted"
    file.write_text(
        {
            "variable": "",
            "file": f"{UNKNOWN}\n",
            "pgpass": f"# {UNKNOWN}\nother\\:host:*:*:someone:{UNKNOWN}\n",
            "service": f"[other]\nhost=db\npassword={UNKNOWN}\n",
        }[place]
    )
    file.chmod(0o600)
    variables = {
        "variable": {"SHOP_API_KEY": UNKNOWN},
        "file": {"POSTGRES_PASSWORD_FILE": str(file)},
        "pgpass": {"PGPASSFILE": str(file)},
        "service": {"PGSERVICEFILE": str(file)},
    }[place]
    project.revision("r1", f"print('it is', {UNKNOWN!r})")

    result = migrate.run(DATABASE_URL=database.url, **variables)

    assert 0 == result.exit_code, result.stdout
    assert "it is ***" in result.names


def test_ordinary_words_stay(database: Database, project: Project, migrate: Migrate) -> None:
    """Of variables that are not the runner's: short values, and the names of what is connected."""
    project.revision("r1", "print('applied with head and postgres, somewhat')")

    result = migrate.run(
        DATABASE_URL=database.url,
        POSTGRES_PASSWORD="postgres",
        SHOP_SECRET="head",
        SHOP_TOKEN="somewh",
        SHOP_PASSWORD=database.name,
    )

    assert 0 == result.exit_code, result.stdout
    assert "applied with head and postgres, somewhat" in result.names
    assert database.name == result.finished["database"]
    assert "***" not in result.stdout


def test_config_shows_only_what_libpq_reads(project: Project, migrate: Migrate) -> None:
    project.revision("r1")

    result = migrate.run(
        "config",
        PGDATABASE="shop",
        PGTZ="UTC",
        PG_PASSWORD="canary",
        PGADMIN_DEFAULT_PASSWORD="canary",
        PGPASSWORD="canary7",
        PGBOUNCER_HOST="elsewhere",
    )

    (row,) = (each for each in json.loads(result.stdout) if each["name"] == "database")
    assert "PGDATABASE=shop PGPASSWORD=*** PGTZ=UTC" == row["value"]


def test_exec_names_the_program_only(
    database: Database, project: Project, migrate: Migrate
) -> None:
    project.revision("r1")

    result = migrate.run("exec", "--", "sh", "-c", "exit 0", DATABASE_URL=database.url)

    assert ["sh ..."] == [each["command"] for each in result.of("run_started")]
    assert ["sh"] == [each["command"] for each in result.of("command_started")]
