"""Tools with their own runtime: sqitch (Perl) and Liquibase (Java)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.contestant import Command, Contestant, Work
from benchmarks.places import NODE_MODULES, postgres_programs
from benchmarks.programs import first_line, node_package_version
from benchmarks.revisions import Revision
from benchmarks.server import Database

_CHANGELOG: Final = """\
databaseChangeLog:
  - includeAll:
      path: changes/
      relativeToChangelogFile: true
"""


class Sqitch(Contestant):
    """Perl, and a psql for each revision."""

    name = "sqitch"
    setup = "the distribution's package, a plan with deploy scripts, `sqitch deploy`, the real psql"

    @property
    def program(self) -> Path | None:
        """The distribution's."""
        found = shutil.which("sqitch")
        return Path(found) if found else None

    def version(self) -> str:
        """Return what `--version` says."""
        return first_line(str(self.program), "--version").split()[-1]

    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write configuration, plan and scripts."""
        scripts = folder / "deploy"
        scripts.mkdir(parents=True, exist_ok=True)
        client = postgres_programs() / "psql"
        (folder / "sqitch.conf").write_text(
            f'[core]\n\tengine = pg\n[engine "pg"]\n\tclient = {client}\n'
        )
        plan = ["%syntax-version=1.0.0", "%project=bench", ""]
        for revision in revisions:
            who = "2026-01-01T00:00:00Z Bench <bench@example.com>"
            plan.append(f"{revision.name} {who} # Revision {revision.number}.")
            (scripts / f"{revision.name}.sql").write_text(f"BEGIN;\n{revision.sql};\nCOMMIT;\n")
        (folder / "sqitch.plan").write_text("\n".join(plan) + "\n")

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Apply what is pending."""
        who = {"SQITCH_FULLNAME": "Bench", "SQITCH_EMAIL": "bench@example.com"}
        words = [str(self.program), "deploy", "--target", database.url_of("db:pg")]
        return Command(words, folder, who)


class Liquibase(Contestant):
    """Java."""

    name = "Liquibase"
    setup = "formatted SQL, a file for each change set, `includeAll`, `liquibase update`"
    # 200 MB each.
    herd_limit = 20

    @property
    def program(self) -> Path | None:
        """The script that the package carries, without the JavaScript that starts it."""
        script = NODE_MODULES / "liquibase" / "dist" / "liquibase" / "liquibase"
        return script if shutil.which("java") else None

    def version(self) -> str:
        """Return the package's version."""
        return node_package_version(NODE_MODULES / "liquibase")

    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write the change log and its files."""
        changes = folder / "changes"
        changes.mkdir(parents=True, exist_ok=True)
        (folder / "changelog.yaml").write_text(_CHANGELOG)
        for revision in revisions:
            (changes / f"{revision.name}.sql").write_text(
                f"--liquibase formatted sql\n\n--changeset bench:{revision.number}\n"
                f"{revision.sql};\n"
            )

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Apply what is pending."""
        place = f"jdbc:postgresql://{database.host}:{database.port}/{database.name}"
        words = [
            "--show-banner=false", "--changelog-file=changelog.yaml",
            f"--url={place}?sslmode=disable",
            f"--username={database.user}", f"--password={database.password}", "update",
        ]  # fmt: skip
        return Command(
            [str(self.program), *words], folder, {"LIQUIBASE_ANALYTICS_ENABLED": "false"}
        )
