"""An Alembic project, run by the runner in two ways and by plain Alembic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.contestant import Command, Contestant, Work
from benchmarks.places import OURS, ROOT
from benchmarks.programs import first_line, python_package_version
from benchmarks.revisions import Revision
from benchmarks.server import Database

_ENTRYPOINT: Final = ROOT / "entrypoint.py"
_ALEMBIC_INI: Final = """\
[alembic]
script_location = %(here)s/migrations
path_separator = os

[migration_runner]
fast_path = alembic_version
"""
# As in Alembic's cookbook: the given connection, or its own engine.
_ENV_PY: Final = '''\
"""Alembic's environment."""

import os

from alembic import context
from sqlalchemy import create_engine, pool


def run(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        run(connection)
'''


@cache  # The result is written into the checkout, and makes it dirty.
def _commit() -> str:
    return first_line("git", "-C", ROOT, "describe", "--tags", "--always", "--dirty")


class _AlembicContestant(Contestant):
    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write alembic.ini, env.py and a file for each revision."""
        versions = folder / "migrations" / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        (folder / "alembic.ini").write_text(_ALEMBIC_INI)
        (folder / "migrations" / "env.py").write_text(_ENV_PY)
        before: str | None = None
        for revision in revisions:
            (versions / f"{revision.name}.py").write_text(
                f'"""Revision {revision.number}."""\n\nfrom alembic import op\n\n'
                f"revision = {revision.name!r}\ndown_revision = {before!r}\n"
                f"branch_labels = None\ndepends_on = None\n\n\n"
                f"def upgrade():\n    op.execute({revision.sql!r})\n\n\n"
                "def downgrade():\n    pass\n"
            )
            before = revision.name


class Ours(_AlembicContestant):
    """The console script."""

    name = "migrate"
    setup = "the installed command, after `migrate build`; `DATABASE_URL`; JSON lines into a file"

    @property
    def program(self) -> Path:
        """As `pip install` makes it."""
        return OURS / "migrate"

    def version(self) -> str:
        """Return the package's version, and the checkout's."""
        return f"{python_package_version(OURS / 'python', 'migration-runner')} ({_commit()})"

    def build(self, folder: Path) -> Command:
        """As the image's build does."""
        return Command([self.program, "build"], folder)

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Run without arguments, as containers do."""
        return Command([self.program], folder, {"DATABASE_URL": database.url})


class OursAsInTheImage(Ours):
    """The image's entry point, with the options of its first line."""

    name = "migrate (entrypoint.py)"
    setup = "as in the image: `migrate build --seal`, `python` with the file's own options"

    @property
    def program(self) -> Path:
        """The interpreter that has the package."""
        return OURS / "python"

    def build(self, folder: Path) -> Command:
        """As the image's build does."""
        return Command([*self._entrypoint, "build", "--seal"], folder)

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Run without arguments, as containers do."""
        return Command(self._entrypoint, folder, {"DATABASE_URL": database.url})

    @property
    def _entrypoint(self) -> list[str | Path]:
        first, *_ = _ENTRYPOINT.read_text().splitlines()
        return [self.program, *first.split()[1:], _ENTRYPOINT]


class PlainAlembic(_AlembicContestant):
    """Alembic's own command, in the same environment."""

    name = "alembic"
    setup = "`alembic upgrade head`, the same project and environment, `transaction_per_migration`"

    @property
    def program(self) -> Path:
        """Alembic's console script."""
        return OURS / "alembic"

    def version(self) -> str:
        """Return the package's version."""
        return python_package_version(OURS / "python", "alembic")

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Upgrade to the head."""
        words = [str(self.program), "upgrade", "head"]
        return Command(words, folder, {"DATABASE_URL": database.url})
