"""The image: what is in it, what is not, and under what it runs."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.containers import (
    BUILD,
    HARDENED,
    PASSWORD,
    ContainerDatabase,
    Containers,
    Images,
    run,
)
from tests.fixtures.shop import HEAD, SHOP

MEGABYTE = 1_000_000
# Modules for terminals and windows, installers, jokes, and what stands in for compiled modules.
LEFT_OUT = {
    *("_curses", "_curses_panel", "curses", "readline"),
    *("_tkinter", "idlelib", "tkinter", "turtle", "turtledemo"),
    *("_dbm", "_gdbm", "ensurepip", "venv", "pydoc_data", "antigravity", "this"),
    *("_pydatetime", "_pydecimal"),
}
# Those of other systems.
ELSEWHERE = {
    *("_ios_support", "_overlapped", "_scproxy", "_winapi", "_wmi"),
    *("msvcrt", "nt", "winreg", "winsound"),
}


@pytest.fixture(scope="module")
def saved(images: Images) -> bytes:
    """Return every layer, and the history."""
    return images.save()


def _contents(saved: bytes) -> Iterator[tuple[str, bytes]]:
    """Every file of every layer, also those that a later layer hides."""
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        layers = json.load(archive.extractfile("manifest.json") or io.BytesIO())[0]["Layers"]
        for layer in layers:
            with tarfile.open(fileobj=archive.extractfile(layer)) as inner:
                for member in inner:
                    if not member.isdir():
                        content = inner.extractfile(member) if member.isfile() else None
                        yield member.name, content.read() if content else b""


@pytest.fixture(scope="module")
def files(saved: bytes) -> set[str]:
    """Return the path of every file in any layer."""
    return {path for path, _ in _contents(saved)}


def test_it_is_small(images: Images, saved: bytes) -> None:
    assert images.inspect()["Size"] < 75 * MEGABYTE
    assert len(gzip.compress(saved, 6)) < 28 * MEGABYTE


def test_it_has_nothing_to_build_or_install_with(files: set[str]) -> None:
    programs = {Path(path).name for path in files if Path(path).parent.name in {"bin", "sbin"}}
    packages = {Path(path).parts[4] for path in files if path.startswith("usr/local/lib/migrate/")}

    assert {"python", "python3", "migrate"} == programs
    assert not {"pip", "setuptools", "pkg_resources"} & packages
    assert not [path for path in files if "/ensurepip/" in path]
    # A developer's tools.
    assert not [path for path in files if "/migration_runner/workshop/" in path]


def test_everything_is_compiled(files: set[str]) -> None:
    compiled = {
        str(path.parent.parent / path.name.partition(".")[0])
        for path in map(Path, files)
        if path.parent.name == "__pycache__"
    }
    missing = {
        path for path in files if path.endswith(".py") and path.removesuffix(".py") not in compiled
    }

    assert set() == missing


def test_a_run_compiles_nothing(
    containers: Containers, container_database: ContainerDatabase
) -> None:
    """As Python itself tells: neither its modules, nor the packages, nor the project."""
    result = containers.run(
        *("--network", container_database.network, "-e", "PYTHONVERBOSE=1"),
        *("-e", f"DATABASE_URL={container_database.url(container_database.create())}"),
        *("--entrypoint", "python3"),
        command=("/usr/local/bin/migrate",),
    )

    assert 0 == result.exit_code, result.stdout
    loaded = re.findall("^# code object from '?(.+?)'?$", result.stderr, re.MULTILINE)
    assert {"sqlalchemy", "alembic", "migrations"} < {Path(path).parts[-3] for path in loaded}
    assert [] == [path for path in loaded if not path.endswith(".pyc")]


def test_at_head_the_fast_path_is_enough(
    containers: Containers, container_database: ContainerDatabase, tmp_path: Path
) -> None:
    """Under a read-only root; a revision that is mounted over the image's is looked at."""
    shared = (
        *HARDENED,
        *("--network", container_database.network, "-e", "PYTHONPROFILEIMPORTTIME=1"),
        *("-e", f"DATABASE_URL={container_database.url(container_database.create())}"),
    )
    tmp_path.chmod(0o755)
    first = min((SHOP / "migrations" / "versions").glob("*.py"))
    edited = tmp_path / first.name
    edited.write_text(f"{first.read_text()}# edited\n")
    behind = containers.run(*shared)

    runs = {
        "run": containers.run(*shared),
        "wait": containers.run(*shared, command=("wait",)),
        "status": containers.run(*shared, command=("status", "--check")),
    }
    over = f"{edited}:/app/migrations/versions/{first.name}:ro"
    mounted = containers.run(*shared, "-v", over)

    assert "applied" == behind.finished["outcome"]
    for name, result in runs.items():
        assert 0 == result.exit_code, name
        # What Python writes of imports, where it was started again.
        assert "" == result.stderr, name
    assert ["run_started", "database_ready", "run_finished"] == runs["run"].names
    assert "migration_runner.cli" in mounted.stderr
    assert "up_to_date" == mounted.finished["outcome"]


def test_its_user_entry_point_and_labels(images: Images) -> None:
    config = images.inspect()["Config"]

    assert "65532:65532" == config["User"]
    assert ["migrate"] == config["Entrypoint"]
    assert not config["Cmd"]
    assert f"MIGRATE_BUILD={BUILD}" in config["Env"]
    prefix = "org.opencontainers.image."
    assert BUILD == config["Labels"][f"{prefix}version"]
    assert "abc123" == config["Labels"][f"{prefix}revision"]
    assert {f"{prefix}title", f"{prefix}description", f"{prefix}licenses"} < set(config["Labels"])


def test_no_layer_and_no_history_has_the_password(images: Images, saved: bytes) -> None:
    assert [] == [path for path, content in _contents(saved) if PASSWORD.encode() in content]
    assert PASSWORD not in run("docker", "history", "--no-trunc", images.project).stdout


@pytest.mark.parametrize("user", ["65532:65532", "1000750000:0"], ids=["its_own", "arbitrary"])
def test_it_migrates_under_a_read_only_root_without_capabilities(
    containers: Containers, container_database: ContainerDatabase, user: str
) -> None:
    database = container_database.create()

    result = containers.run(
        *("--user", user, "--network", container_database.network),
        *("-e", f"DATABASE_URL={container_database.url(database)}"),
    )

    assert 0 == result.exit_code, result.stdout + result.stderr
    assert "applied" == result.finished["outcome"]
    assert BUILD == result.finished["build"]
    assert HEAD == container_database.query(database, "SELECT version_num FROM alembic_version")
    assert PASSWORD not in result.stdout + result.stderr
    assert "" == result.stderr


def test_without_a_network_it_waits_and_says_so(containers: Containers) -> None:
    result = containers.run(
        *("--network", "none", "-e", "DATABASE_URL=postgresql://shop@database/shop"),
        *("-e", "MIGRATE_WAIT_TIMEOUT=1s"),
    )

    assert 69 == result.exit_code, result.stdout + result.stderr
    assert "host_unknown" == result.finished["error"]["reason"]


def test_the_secret_as_a_file_and_the_termination_message(
    containers: Containers, container_database: ContainerDatabase, tmp_path: Path
) -> None:
    secret, message = tmp_path / "url", tmp_path / "termination-log"
    secret.write_text(container_database.url(container_database.create()) + "\n")
    message.touch()
    # As the kubelet makes it, for whichever user.
    message.chmod(0o666)

    result = containers.run(
        *("--network", container_database.network),
        *("--volume", f"{secret}:/run/secrets/url:ro", "-e", "DATABASE_URL_FILE=/run/secrets/url"),
        *("--volume", f"{message}:/dev/termination-log"),
    )

    assert 0 == result.exit_code, result.stdout + result.stderr
    sentence, facts = message.read_text().splitlines()
    assert result.finished["summary"] == sentence
    assert HEAD in json.loads(facts)["to_revisions"]


def test_python_in_it_has_what_a_revision_may_use(containers: Containers) -> None:
    code = """
import asyncio, csv, ctypes, datetime, decimal, hashlib, json, sqlite3, ssl, uuid, zoneinfo
import psycopg
from pathlib import Path
from sqlalchemy.util import has_compiled_ext
zoneinfo.ZoneInfo("Europe/Berlin")
assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 100
assert psycopg.pq.__impl__ == "binary"
assert has_compiled_ext()
# Without it, an interpreter with a thread in the middle of something ends with a crash.
ctypes.CDLL("libgcc_s.so.1")
# Python's ssl and psycopg's libpq share it.
mapped = Path("/proc/self/maps").read_text().split()
assert ["libcrypto.so.3"] == sorted({Path(each).name for each in mapped if "libcrypto" in each})
print("{}")
"""
    result = containers.run("--entrypoint", "python3", command=("-c", code))

    assert (0, "{}\n", "") == (result.exit_code, result.stdout, result.stderr)


def test_the_standard_library_is_whole_but_for_what_is_documented(containers: Containers) -> None:
    code = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
missing = []
for name in sorted([*sys.stdlib_module_names, "email.mime.text", "xml.etree", "xmlrpc.server"]):
    try:
        importlib.import_module(name)
    except ImportError:
        missing.append(name)
print(json.dumps(missing))
"""
    result = containers.run("--entrypoint", "python3", command=("-c", code))

    assert 0 == result.exit_code, result.stderr
    assert set() == set(json.loads(result.stdout)) - LEFT_OUT - ELSEWHERE
    assert set() == LEFT_OUT - set(json.loads(result.stdout))
