"""The command line: what it means, and errors that name the flag and its value."""

from __future__ import annotations

from typing import Any

import pytest

from migration_runner.cli.arguments import find_command, parse_arguments
from migration_runner.errors import UsageError


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--wait-timout 5s upgrade", "Unknown flag --wait-timout (did you mean --wait-timeout?)."),
        ("upgrade --wait-timout 5s", "Unknown flag --wait-timout (did you mean --wait-timeout?)."),
        ("upgrade --wait-timout=5s", "Unknown flag --wait-timout (did you mean --wait-timeout?)."),
        ("--log", "Unknown flag --log (did you mean --log-format or --log-level?)."),
        ("status --chek", "Unknown flag --chek (did you mean --check?)."),
        ("status -z", "Unknown flag -z. See `migrate status --help`."),
        ("wait --password=secret", "Unknown flag --password. See `migrate wait --help`."),
        ("--run-lock", "--run-lock needs a value. See `migrate --help`."),
        ("stamp --role --purge head", "--role needs a value. See `migrate stamp --help`."),
        ("-c", "-c/--config needs a value. See `migrate --help`."),
        ("--json=yes", "--json takes no value (it has 'yes'). See `migrate --help`."),
        ("--ledger=maybe", "--ledger must be one of on, off, require (it is 'maybe')."),
        (
            "wait --wait-timeout soon --pooler none",
            "--wait-timeout is not a duration: write 30s, 5m, 1h, 250ms or plain seconds"
            " (it is 'soon'); --pooler must be one of detect, session (it is 'none').",
        ),
        ("--heartbeat 0", "--heartbeat must be more than 0 (it is '0')."),
        ("heads --run-lock-key one", "--run-lock-key must be an integer (it is 'one')."),
        (
            "ledger --limit few",
            "--limit: must be an integer (it is 'few'). See `migrate ledger --help`.",
        ),
        ("statsu", "Unknown command 'statsu' (did you mean status?)."),
        ("nonsense", "Unknown command 'nonsense'. See `migrate --help`."),
        ("help staus", "Unknown command 'staus' (did you mean status?)."),
        ("status r1", "Unexpected argument 'r1'. See `migrate status --help`."),
        ("status -- r1", "Unexpected argument 'r1'. See `migrate status --help`."),
        ("stamp", "Missing argument: REVISION. See `migrate stamp --help`."),
        ("-n a upgrade -n b", "-n is given twice, with different values. Give it once."),
    ],
)
def test_what_is_wrong_is_named(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_arguments(find_command(line.split()))

    assert message == caught.value.message


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("", "upgrade", {}),
        ("--json -q", "upgrade", {"log_format": "json", "log_level": "warning"}),
        ("--role a wait --role b --pooler session", "wait", {"role": "b", "pooler": "session"}),
        ("--role a wait --role=", "wait", {}),
        ("-x a=1 upgrade -x b=2 r1 r2", "upgrade", {"x": ["a=1", "b=2"], "target": "r1 r2"}),
        ("-n a upgrade -n a -c f.ini", "upgrade", {"section": "a", "files": ["f.ini"]}),
        ("upgrade -- r1", "upgrade", {"target": "r1"}),
        ("status", "status", {"log_level": "warning"}),
        ("history --log-level debug -v", "history", {"log_level": "debug"}),
        ("config --json", "config", {}),
    ],
)
def test_settings_are_taken_from_both_sides_of_the_command(
    line: str, name: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIGRATE_LOG_LEVEL", raising=False)

    found = find_command(line.split())
    flags, options = parse_arguments(found)

    assert (name, name) == (found.command.name, options.command)
    assert expected == flags


@pytest.mark.parametrize(
    ("line", "option", "expected"),
    [
        ("exec -- psql -c x --json", "targets", ("psql", "-c", "x", "--json")),
        ("exec --role a psql -- -- x", "targets", ("psql", "--", "x")),
        ("downgrade -1 --yes", "targets", ("-1",)),
        ("downgrade -1 --yes", "yes", True),
        ("ledger --limit 3", "limit", 3),
        ("history -r a:b --json -v", "words", ("-r", "a:b", "-v")),
        ("revision -m x -- --json", "words", ("-m", "x", "--", "--json")),
    ],
)
def test_the_rest_is_the_commands_own(line: str, option: str, expected: object) -> None:
    assert expected == getattr(parse_arguments(find_command(line.split())).options, option)
