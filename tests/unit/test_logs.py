"""One stream, one format, no secrets."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_runner import logs

Capture = pytest.CaptureFixture[str]
SECRET = 'p@ss/w:rd %"\\x'


@contextlib.contextmanager
def _no_secrets() -> Iterator[None]:
    """Secrets are for the rest of a process's life."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("migration_runner.logs._secrets", ())
        yield


@pytest.fixture(autouse=True)
def _json_lines() -> Iterator[None]:
    logs.configure_logging("json", "info")
    with _no_secrets():
        yield


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        repr(SECRET)[1:-1],
        SECRET.replace("%", "%%"),
        json.dumps(repr(SECRET)[1:-1])[1:-1],
    ],
)
def test_a_secret_is_blanked_out_in_every_spelling(capfd: Capture, spelling: str) -> None:
    logs.hide_secrets((SECRET,))

    logs.write_line(f"before {spelling} behind")

    assert "before *** behind\n" == capfd.readouterr().out


@given(st.text(st.characters(codec="utf-8"), min_size=4, max_size=40))
def test_any_secret_is_blanked_out_in_json(secret: str) -> None:
    with _no_secrets():
        logs.hide_secrets((secret,))
        line = logs.redact(json.dumps({"detail": f"<{secret}>"}, ensure_ascii=False))

    assert "<***>" == json.loads(line)["detail"]


def test_secrets_that_are_found_later_are_hidden_too() -> None:
    logs.hide_secrets(("first secret",))
    logs.hide_secrets(("second secret",))

    assert "*** ***" == logs.redact("first secret second secret")


def test_a_secret_that_is_also_the_users_name_is_not_hidden() -> None:
    logs.hide_secrets(("shop",), public=("shop", "shop_db"))

    assert "user shop" == logs.redact("user shop")


def test_everybodys_lines_come_out_as_json(capfd: Capture) -> None:
    logs.bind(run_id="run-1")
    logging.getLogger("sqlalchemy.engine").warning("theirs %s", 1)
    with logs.captured_prints():
        print("printed")  # noqa: T201 - as a revision does
        print("without its end", end="")  # noqa: T201 - as a revision does
    logs.get_logger().info("ours", attempt=1)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logs.capture_log_records()
        warnings.warn("careful", stacklevel=1)
    logging.captureWarnings(capture=False)

    theirs, printed, rest, ours, warning = map(json.loads, capfd.readouterr().out.splitlines())

    assert ("theirs 1", "warning", "sqlalchemy.engine") == (
        theirs["event"],
        theirs["level"],
        theirs["logger"],
    )
    assert ("printed", "print") == (printed["event"], printed["logger"])
    assert "without its end" == rest["event"]
    assert ("ours", 1) == (ours["event"], ours["attempt"])
    assert "careful" in warning["event"]
    assert {"run-1"} == {line["run_id"] for line in (theirs, printed, rest, ours, warning)}


def test_every_line_starts_alike(capfd: Capture) -> None:
    logs.get_logger().info("ours", attempt=1)

    line = json.loads(capfd.readouterr().out)

    assert ["timestamp", "level", "event"] == list(line)[:3]


def test_a_level_hides_what_is_below_it(capfd: Capture) -> None:
    logs.configure_logging("json", "warning")
    logs.get_logger().info("hidden")
    logs.get_logger().warning("shown")

    assert ["shown"] == [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()]


def test_what_is_not_unicode_does_not_stop_the_log(capfd: Capture) -> None:
    logs.write_line("lone \ud800 surrogate")

    assert "lone \\ud800 surrogate\n" == capfd.readouterr().out
