"""The projects, and how each of them is told where its database is.

Each is installed from `locks/`, as its users install it, and nothing in it is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Site:
    """One installed project, one database for it, and a folder for what it writes."""

    packages: Path
    database_url: str
    folder: Path

    def url(self, driver: str) -> str:
        """Return the database's URL with SQLAlchemy's name of a driver in it."""
        return self.database_url.replace("postgresql://", f"postgresql+{driver}://")

    def copy_ini(self, name: str, scripts: Path, ini: Path) -> Path:
        """Copy an ini with the URL in it, for an env.py that looks nowhere else."""
        text = ini.read_text()
        for option, value in {
            "script_location": str(scripts),
            "sqlalchemy.url": self.url("psycopg2").replace("%", "%%"),
        }.items():
            before, found, after = re.split(rf"(?m)^({re.escape(option)} =).*$", text)
            text = f"{before}{found} {value}{after}"
        copy = self.folder / f"{name}.ini"
        copy.write_text(text)
        return copy


@dataclass(frozen=True)
class Words:
    """Where to stand in a shell, and what to say: a config file a history, and variables."""

    folder: Path
    configs: tuple[Path, ...]
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Project:
    """A project by its name in `locks/`.

    `seed` is a script that makes what is there before the first revision, given the URL.
    """

    name: str
    words: Callable[[Site], Words]
    seed: str = ""


def _optuna(site: Site) -> Words:
    """Revisions with sessions that commit, in one transaction for all of them."""
    home = site.packages / "optuna/storages/_rdb"
    return Words(home, (site.copy_ini("optuna", home / "alembic", home / "alembic.ini"),))


def _dstack(site: Site) -> Words:
    """Run over asyncpg, with many `CREATE INDEX CONCURRENTLY` and a lock timeout of its own.

    Its env.py does something only if its `__name__` is the one that Alembic gives it.
    """
    home = site.packages / "dstack/_internal/server"
    variables = {
        "DSTACK_DATABASE_URL": site.url("asyncpg"),
        "DSTACK_SERVER_DIR": str(site.folder / "server"),
    }
    return Words(home, (home / "alembic.ini",), variables)


def _mlflow(site: Site) -> Words:
    """Two histories in one database, with a version table each and one revision id in common.

    Given a connection, the first one's env.py makes another one from its engine.
    """
    store = site.packages / "mlflow/store/db_migrations"
    auth = site.packages / "mlflow/server/auth/db/migrations"
    configs = (
        site.copy_ini("store", store, store / "alembic.ini"),
        site.copy_ini("auth", auth, auth / "alembic.ini"),
    )
    return Words(site.packages, configs)


def _airflow(site: Site) -> Words:
    """Import a large application in env.py, which configures logging and structlog its way."""
    home = site.folder / "airflow"
    home.mkdir()
    variables = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": site.url("psycopg2"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return Words(site.folder, (site.packages / "airflow/alembic.ini",), variables)


# The store's history starts from the tables of the first release, and moves what is in them.
_MLFLOW_SEED: Final = """
import sys
from mlflow.store.tracking.dbmodels.initial_models import Base, SqlExperiment, SqlMetric, SqlRun
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

engine = create_engine(sys.argv[1])
Base.metadata.create_all(engine)
with Session(engine) as session:
    experiment = SqlExperiment(name="first", artifact_location="/nowhere")
    for number in range(20):
        metrics = [SqlMetric(key="loss", value=1 / step, timestamp=step) for step in range(1, 5)]
        session.add(
            SqlRun(
                run_uuid=f"{number:032x}", name=f"run {number}", user_id=f"user {number % 3}",
                status="FINISHED", start_time=number, experiment=experiment, metrics=metrics,
            )
        )
    session.commit()
"""

PROJECTS: Final = (
    Project("optuna", _optuna),
    Project("dstack", _dstack),
    Project("mlflow", _mlflow, _MLFLOW_SEED),
    Project("airflow", _airflow),
)
