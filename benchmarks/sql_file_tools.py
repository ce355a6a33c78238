"""Tools of Go and Node whose revisions are SQL files."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contestant import Command, Contestant, Work
from benchmarks.places import NODE_MODULES
from benchmarks.programs import first_line, node_package_version
from benchmarks.revisions import Revision
from benchmarks.server import Database


class Dbmate(Contestant):
    """Go."""

    name = "dbmate"
    setup = "the Go binary itself, `--no-dump-schema migrate`"

    @property
    def program(self) -> Path | None:
        """The binary of this platform's package, without the JavaScript that starts it."""
        return next(NODE_MODULES.glob("@dbmate/*/bin/dbmate"), None)

    def version(self) -> str:
        """Return the package's version."""
        return node_package_version(NODE_MODULES / "dbmate")

    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write a file for each revision."""
        _write_files(folder, revisions, "2026{:010}_r.sql", "-- migrate:up", "-- migrate:down")

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Apply what is pending."""
        words = ["--migrations-dir", "migrations", "--no-dump-schema", "migrate"]
        return Command([str(self.program), *words], folder, {"DATABASE_URL": database.url})


class SqlMigrate(Contestant):
    """Go, from the distribution's package."""

    name = "sql-migrate"
    setup = "the distribution's package, `sql-migrate up`"

    @property
    def program(self) -> Path | None:
        """The distribution's."""
        found = shutil.which("sql-migrate")
        return Path(found) if found else None

    def version(self) -> str:
        """Return the package's version: the program does not report one."""
        return first_line("dpkg-query", "-W", "-f", "${Version}", "sql-migrate") or "unknown"

    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write a file for each revision, and the configuration."""
        _write_files(folder, revisions, "{:06}.sql", "-- +migrate Up", "-- +migrate Down")
        (folder / "dbconfig.yml").write_text(
            "bench:\n  dialect: postgres\n  datasource: ${DATABASE_URL}\n"
            "  dir: migrations\n  table: migrations\n"
        )

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Apply what is pending."""
        words = [str(self.program), "up", "-config=dbconfig.yml", "-env=bench"]
        return Command(words, folder, {"DATABASE_URL": database.url})


class NodePgMigrate(Contestant):
    """Node."""

    name = "node-pg-migrate"
    setup = "SQL files, `--no-single-transaction`, `--advisory-lock-mode wait`, `--no-verbose`"

    @property
    def program(self) -> Path:
        """The package's command."""
        return NODE_MODULES / ".bin" / "node-pg-migrate"

    def version(self) -> str:
        """Return the package's version."""
        return node_package_version(NODE_MODULES / "node-pg-migrate")

    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write a file for each revision."""
        # A time in milliseconds: the tool sorts by it.
        _write_files(
            folder, revisions, "1{:012}_r.sql", "-- Up Migration", "-- Down Migration\nSELECT 1;"
        )

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Apply what is pending."""
        options = ["--no-single-transaction", "--no-verbose", "--advisory-lock-mode", "wait"]
        words = [str(self.program), "up", "-m", "migrations", *options]
        return Command(words, folder, {"DATABASE_URL": database.url})


class GraphileMigrate(Contestant):
    """Node."""

    name = "graphile-migrate"
    setup = "committed revisions, `graphile-migrate migrate`"

    @property
    def program(self) -> Path:
        """The package's command."""
        return NODE_MODULES / ".bin" / "graphile-migrate"

    def version(self) -> str:
        """Return the package's version."""
        return node_package_version(NODE_MODULES / "graphile-migrate")

    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write a file for each revision, with the hash that chains it to the one before."""
        committed = folder / "migrations" / "committed"
        committed.mkdir(parents=True, exist_ok=True)
        (folder / "migrations" / "current.sql").write_text("")
        (folder / ".gmrc").write_text("{}\n")
        before = ""
        for revision in revisions:
            text = f"{before}\n{revision.sql};".strip() + "\n"
            now = "sha1:" + hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
            (committed / f"{revision.number:06}.sql").write_text(
                f"--! Previous: {before or '-'}\n--! Hash: {now}\n\n{revision.sql};\n"
            )
            before = now

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Apply what is pending."""
        return Command([self.program, "migrate"], folder, {"DATABASE_URL": database.url})


def _write_files(
    folder: Path, revisions: Sequence[Revision], name: str, before: str, after: str
) -> None:
    files = folder / "migrations"
    files.mkdir(parents=True, exist_ok=True)
    for revision in revisions:
        path = files / name.format(revision.number)
        path.write_text(f"{before}\n{revision.sql};\n\n{after}\n")
