"""The developer's tools on projects that are not like the template."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.databases import Database
from tests.fixtures.runner import Result
from tests.fixtures.workshop import MODELS, ORDERS, Workshop, superuser_url


def _summary(result: Result) -> str:
    summary = json.loads(result.stderr.splitlines()[-1])["summary"]
    assert isinstance(summary, str)
    return summary


def test_a_difference_is_said_in_one_sentence(workshop: Workshop) -> None:
    result = workshop.run("check", "--deep")

    assert 4 == result.exit_code
    assert (
        "Models and history differ in 1 place: The table orders is missing in the history."
        " Write the missing revision (`migrate revision --autogenerate`), or correct the models."
    ) == _summary(result)


TENANTS_ENV = """\
from alembic import context
from sqlalchemy import text

from models import Base

connection = context.config.attributes["connection"]
for tenant in ("alpha", "beta"):
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {tenant}"))
    connection.execute(text(f"SET search_path TO {tenant}"))
    connection.commit()
    connection.dialect.default_schema_name = tenant
    context.configure(
        connection=connection, target_metadata=Base.metadata, version_table_schema=tenant
    )
    with context.begin_transaction():
        context.run_migrations()
"""


def test_tenants_in_one_env_py(workshop: Workshop) -> None:
    """Each has the models' tables in a schema of its own."""
    workshop.write("migrations/env.py", TENANTS_ENV)
    workshop.orders()

    first = workshop.verify()[1]
    workshop.add_columns("land = sa.Column(sa.Text)")
    second = workshop.verify()[1]

    assert [] == first["findings"]
    assert [
        "The column alpha.orders.land is missing in the history.",
        "The column beta.orders.land is missing in the history.",
    ] == [each["message"] for each in second["findings"]]


def test_what_env_py_makes_is_not_left_by_the_first_revision(workshop: Workshop) -> None:
    env = (workshop.folder / "migrations" / "env.py").read_text()
    prepare = (
        "from sqlalchemy import text\n"
        'connectable.execute(text("CREATE SCHEMA IF NOT EXISTS meta"))\nconnectable.commit()\n'
    )
    workshop.write(
        "migrations/env.py",
        env.replace("context.configure(\n", f"{prepare}context.configure(\n").replace(
            "target_metadata", 'version_table_schema="meta", target_metadata', 1
        ),
    )
    workshop.orders()

    exit_code, found = workshop.verify()

    assert (0, []) == (exit_code, found["findings"])


def test_models_that_cannot_be_made_hide_no_other_finding(workshop: Workshop) -> None:
    workshop.write(
        "models.py", f"{MODELS}    wrong = sa.Column(sa.Text, server_default=sa.text('no()'))\n"
    )
    workshop.revision("orders", ORDERS, "pass")

    exit_code, found = workshop.verify()

    assert 65 == exit_code
    messages = {each["check"]: each["message"] for each in found["findings"]}
    assert {"second-upgrade-fails", "models-differ"} == messages.keys()
    assert "no() does not exist" in messages["models-differ"]


@pytest.mark.parametrize(
    ("statement", "said", "advice"),
    [
        (
            'import os; os.environ["APP_KEY"]',
            "KeyError: 'APP_KEY'.",
            "It reads the variable APP_KEY from the environment: set it for this command.",
        ),
        ('import sys; sys.exit("no way")', "SystemExit: no way.", ""),
        (
            "import os; os._exit(0)",
            "The revision or env.py ended the process, with exit code 0.",
            "",
        ),
        (
            "import os; os._exit(3)",
            "The revision or env.py ended the process, with exit code 3.",
            "",
        ),
        (
            "import os, signal; os.write(2, b'almost\\n'); os.kill(os.getpid(), signal.SIGKILL)",
            "The revision or env.py ended the process, by the signal SIGKILL."
            " It printed last: almost.",
            "",
        ),
        (
            "import socket; socket.getaddrinfo('nowhere.invalid', 80)",
            "gaierror: [Errno -2] Name or service not known.",
            "It connects to another server than this command's: run it where that can be reached,"
            " or keep what it asks for in the revision.",
        ),
    ],
)
def test_what_fails_of_a_project_is_named(
    workshop: Workshop, statement: str, said: str, advice: str
) -> None:
    workshop.orders()
    workshop.revision("odd", statement)

    _, found = workshop.verify()
    checked = workshop.run("check", "--deep")

    (finding,) = found["findings"]
    assert (f"Applied alone, it fails: {said}", advice or None) == (
        finding["message"],
        finding["advice"] or None,
    )
    assert 1 == checked.exit_code
    assert _summary(checked).startswith("The history cannot be applied on a throw-away PostgreSQL")
    assert _summary(checked).endswith(f"{said} {advice}".rstrip())


def test_env_py_that_reads_the_environment(workshop: Workshop) -> None:
    env = (workshop.folder / "migrations" / "env.py").read_text()
    workshop.write("migrations/env.py", f'import os\nkey = os.environ["APP_KEY"]\n{env}')
    workshop.orders()

    _, found = workshop.verify()

    (finding,) = found["findings"]
    assert "env" == finding["check"]
    assert finding["message"].endswith(
        "KeyError: 'APP_KEY'. It reads the variable APP_KEY from the environment: set it for this"
        " command."
    )
    assert (0, []) == (
        workshop.verify(APP_KEY="made up")[0],
        workshop.verify(APP_KEY="x")[1]["findings"],
    )


def test_requests_and_results_are_on_no_disk(tmp_path: Path) -> None:
    """They have the environment, and with it its secrets."""
    program = (
        "import os\n"
        "from migration_runner.workshop.processes import Processes, TaskCrashed\n"
        "processes = Processes({})\n"
        "try:\n"
        "    processes.run('no_such_task', secret='canary')\n"
        "except TaskCrashed as error:\n"
        "    print('no_such_task' in error.message, os.listdir(os.environ['TMPDIR']), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )

    # It waits for the end of all that has standard error open: the worker has, too.
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )

    assert "True []\n" == done.stdout, done.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_missing_module_is_said_once(workshop: Workshop) -> None:
    workshop.orders()
    env = workshop.folder / "migrations" / "env.py"
    env.write_text(env.read_text().replace("from models import", "from shop_models import"))

    _, found = workshop.verify()

    (finding,) = found["findings"]
    assert ("env", True) == (
        finding["check"],
        "No module named 'shop_models'" in finding["message"],
    )
    assert "Copy shop_models" in finding["message"]


@pytest.mark.parametrize(
    "words", [["check", "--deep"], ["revision", "--autogenerate", "-m", "x"], ["verify"]]
)
def test_several_histories(workshop: Workshop, words: list[str]) -> None:
    result = workshop.run(*words, MIGRATE_HISTORIES="one two", MIGRATE_SHADOW="new")

    assert 64 == result.exit_code
    assert "choose it with -n (a section) or -c (a file)" in result.stdout + result.stderr


ODD = """\
from sqlalchemy.types import UserDefinedType


class Odd(UserDefinedType):
    cache_ok = True

    def get_col_spec(self, **_):
        return "text"


"""
TEMPLATE = '''\
"""${message}"""
import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade():
    ${upgrades}


def downgrade():
    ${downgrades}
'''


def test_a_new_revision_that_fails_is_compared_with_nothing(workshop: Workshop) -> None:
    workshop.orders()
    workshop.write("migrations/script.py.mako", TEMPLATE)
    workshop.write("models.py", f"{ODD}{MODELS}    odd = sa.Column(Odd)\n")

    result = workshop.run("revision", "--autogenerate", "-m", "x", "--json")

    assert 1 == result.exit_code
    written = json.loads(result.stdout)
    assert ([], ["upgrade-fails"]) == (
        written["left"],
        [each["check"] for each in written["findings"]],
    )


def test_several_revisions_on_a_shadow_server(workshop: Workshop, database: Database) -> None:
    workshop.orders()
    for number in range(3):
        workshop.revision(
            f"more{number}",
            f"op.execute('CREATE SEQUENCE s{number}')",
            f"op.execute('DROP SEQUENCE s{number}')",
        )

    exit_code, found = workshop.verify("--all", "--shadow", superuser_url(database))

    assert (0, []) == (exit_code, found["findings"])


def test_a_revision_that_depends_on_another_branch(workshop: Workshop) -> None:
    workshop.orders()
    path = workshop.revision(
        "other", "op.execute('CREATE SEQUENCE s')", "op.execute('DROP SEQUENCE s')"
    )
    path.write_text(
        path.read_text().replace("down_revision = 'orders'", "down_revision = None")
        + "\n\ndepends_on = 'orders'\n"
    )

    exit_code, found = workshop.verify(MIGRATE_TARGET="heads")

    assert (0, []) == (exit_code, found["findings"])
    assert any("other" in note for note in found["notes"])


def test_a_database_that_is_not_there(workshop: Workshop) -> None:
    workshop.orders()

    result = workshop.run(
        *("revision", "--autogenerate", "-m", "x"),
        DATABASE_URL="postgresql://me@127.0.0.1:1/x",
        MIGRATE_WAIT_TIMEOUT="0",
    )

    assert 69 == result.exit_code
    assert _summary(result).endswith("Without this database: add --shadow new.")
