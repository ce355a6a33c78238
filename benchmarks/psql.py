"""psql, the lower limit: it only queries or sends SQL, and records nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.contestant import Command, Contestant, Work
from benchmarks.places import postgres_programs
from benchmarks.programs import first_line
from benchmarks.revisions import Revision
from benchmarks.server import Database

_VERSION_TABLE = "CREATE TABLE alembic_version (version_num text PRIMARY KEY);\n"


class Psql(Contestant):
    """The real binary, with the statements that Alembic would send."""

    name = "psql"
    setup = (
        "with nothing to do, `psql -XAtc 'SELECT version_num FROM alembic_version'`; "
        "otherwise one `psql -f` with `BEGIN`, statement, version, `COMMIT` for each revision"
    )
    takes_part_in_races = False

    @property
    def program(self) -> Path:
        """The embedded server's own."""
        return postgres_programs() / "psql"

    def version(self) -> str:
        """Return what `--version` says."""
        return first_line(self.program, "--version").split()[-1]

    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write two scripts: all revisions, and only the last."""
        folder.mkdir(exist_ok=True)
        parts = [_transaction(revision) for revision in revisions]
        (folder / "all.sql").write_text(_VERSION_TABLE + "".join(parts))
        (folder / "last.sql").write_text(parts[-1])

    def run(self, folder: Path, database: Database, work: Work) -> Command:
        """Ask for the version, or send a script."""
        if work is Work.NOTHING:
            words = ["-XAtc", "SELECT version_num FROM alembic_version"]
        else:
            script = "last.sql" if work is Work.LAST else "all.sql"
            words = ["-Xq", "-v", "ON_ERROR_STOP=1", "-f", script]
        return Command([self.program, *words, database.url], folder)


def _transaction(revision: Revision) -> str:
    if revision.number == 1:
        version = f"INSERT INTO alembic_version VALUES ('{revision.name}')"  # noqa: S608 - ours
    else:
        version = f"UPDATE alembic_version SET version_num = '{revision.name}'"  # noqa: S608 - ours
    return f"BEGIN;\n{revision.sql};\n{version};\nCOMMIT;\n"
