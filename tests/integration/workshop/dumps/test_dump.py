"""A database's dump: what can change it, what it says where there is none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from migration_runner.errors import ConfigError, MigrationError
from migration_runner.workshop.dumps.dump import dump_schema
from migration_runner.workshop.programs import Programs
from tests.fixtures.dumps import Databases


def test_a_dump_is_the_same_each_time_whatever_the_environment_says(
    dumps_databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = dumps_databases.clone()
    expected = database.dump()
    for name, value in {
        "PGDATABASE": "nothing", "PGHOST": "nowhere.invalid", "PGPORT": "1",
        "PGOPTIONS": "-c search_path=nothing", "PGCLIENTENCODING": "LATIN1",
        "PGSERVICE": "missing", "PGPASSFILE": "/nothing", "LC_ALL": "xx_XX", "LANGUAGE": "de",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    assert expected == database.dump()
    assert "CREATE TABLE public.orders" in expected


def test_what_pg_dump_said_is_in_the_error(dumps_databases: Databases) -> None:
    cluster = dumps_databases.cluster

    with pytest.raises(MigrationError, match="The schema of the database nothing could not") as it:
        dump_schema(cluster.programs, cluster.parameters("nothing"))

    assert 'database "nothing" does not exist' in it.value.message


def test_a_pg_dump_that_cannot_be_run_is_named(dumps_databases: Databases, tmp_path: Path) -> None:
    programs = Programs(tmp_path, "18.0")

    with pytest.raises(ConfigError, match=f"{tmp_path}/pg_dump could not be run"):
        dump_schema(programs, dumps_databases.cluster.parameters("postgres"))


def test_a_password_is_not_on_the_command_line(dumps_databases: Databases, tmp_path: Path) -> None:
    cluster = dumps_databases.cluster
    fake = tmp_path / "pg_dump"
    fake.write_text('#!/bin/sh\nprintf "%s|" "$@" "$PGPASSWORD"\n')
    fake.chmod(0o755)

    said = dump_schema(
        dataclasses.replace(cluster.programs, folder=tmp_path),
        {"host": "it's\\here", "password": "dump-canary"},
    )

    assert "--dbname=host='it\\'s\\\\here'|dump-canary|" in said


def test_names_and_texts_of_all_languages_come_back(dumps_databases: Databases) -> None:
    database = dumps_databases.empty()
    database.run("""CREATE TABLE "Bücher" (titel text DEFAULT '書名')""")

    assert (
        """CREATE TABLE public."Bücher" (\n    titel text DEFAULT '書名'::text""" in database.dump()
    )
