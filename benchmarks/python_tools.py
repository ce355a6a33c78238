"""Other tools of Python: yoyo and Django."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.contestant import Command, Contestant, Work
from benchmarks.places import PYTHON_PEERS
from benchmarks.programs import python_package_version
from benchmarks.revisions import Revision
from benchmarks.server import Database

_MANAGE_PY: Final = """\
import os
import sys

from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
_SETTINGS_PY: Final = """\
import os
from urllib.parse import urlsplit

_url = urlsplit(os.environ["DATABASE_URL"])
SECRET_KEY = "none"
USE_TZ = True
INSTALLED_APPS = ["shop"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": _url.hostname,
        "PORT": _url.port,
        "USER": _url.username,
        "PASSWORD": _url.password,
        "NAME": _url.path[1:],
        "OPTIONS": {"sslmode": "disable"},
    }
}
"""


class Yoyo(Contestant):
    """yoyo-migrations."""

    name = "yoyo"
    setup = "SQL files that name what they depend on, psycopg 3, `yoyo apply --batch`"

    @property
    def program(self) -> Path:
        """The package's console script."""
        return PYTHON_PEERS / "yoyo"

    def version(self) -> str:
        """Return the package's version."""
        return python_package_version(PYTHON_PEERS / "python", "yoyo-migrations")

    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write a file for each revision."""
        files = folder / "migrations"
        files.mkdir(parents=True, exist_ok=True)
        before = ""
        for revision in revisions:
            path = files / f"{revision.name}.sql"
            path.write_text(f"-- Revision {revision.number}.\n{before}\n{revision.sql};\n")
            before = f"-- depends: {revision.name}"

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Apply what is pending."""
        url = database.url_of("postgresql+psycopg")
        words = ["apply", "--batch", "--no-config-file", "--database", url, "migrations"]
        return Command([self.program, *words], folder)


class Django(Contestant):
    """Django with one application and nothing else."""

    name = "Django"
    setup = "one application, `RunSQL`, psycopg 3, `manage.py migrate --no-input`"

    @property
    def program(self) -> Path:
        """The package's console script, as the sign that it is installed."""
        return PYTHON_PEERS / "django-admin"

    def version(self) -> str:
        """Return the package's version."""
        return python_package_version(PYTHON_PEERS / "python", "django")

    def write(self, folder: Path, revisions: Sequence[Revision]) -> None:
        """Write a project with one application."""
        files = folder / "shop" / "migrations"
        files.mkdir(parents=True, exist_ok=True)
        for package in (files, files.parent):
            (package / "__init__.py").write_text("")
        (folder / "manage.py").write_text(_MANAGE_PY)
        (folder / "settings.py").write_text(_SETTINGS_PY)
        before = ""
        for revision in revisions:
            (files / f"{revision.name}.py").write_text(
                "from django.db import migrations\n\n\n"
                "class Migration(migrations.Migration):\n"
                f"    dependencies = [{before}]\n"
                f"    operations = [migrations.RunSQL({revision.sql!r})]\n"
            )
            before = f'("shop", "{revision.name}")'

    def run(self, folder: Path, database: Database, _work: Work) -> Command:
        """Apply what is pending."""
        words = [str(PYTHON_PEERS / "python"), "manage.py", "migrate", "--no-input"]
        return Command(words, folder, {"DATABASE_URL": database.url})
