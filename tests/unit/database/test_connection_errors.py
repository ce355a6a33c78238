"""What libpq's messages mean."""

from __future__ import annotations

import pytest

from migration_runner.database.connection_errors import classify

AT = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '


@pytest.mark.parametrize(
    ("message", "reason", "retryable"),
    [
        (AT + "Connection refused\n\tIs the server running?", "connection_refused", True),
        (AT + "FATAL:  the database system is starting up", "not_accepting_connections", True),
        (AT + "FATAL:  sorry, too many clients already", "too_many_connections", True),
        (AT + "session is read-only", "read_only", True),
        ("failed to resolve host 'db': [Errno -2] Name or service not known", "host_unknown", True),
        ("connection timed out after 5.0 s", "timeout", True),
        (
            AT + 'FATAL:  password authentication failed for user "u"',
            "authentication_failed",
            False,
        ),
        (AT + 'FATAL:  role "u" does not exist', "unknown_role", False),
        (AT + 'FATAL:  database "d" does not exist', "missing_database", False),
        (AT + 'FATAL:  database "we"ird name" does not exist', "missing_database", False),
        (AT + 'FATAL:  no pg_hba.conf entry for host "h", user "u"', "not_allowed", False),
        (AT + "SSL error: certificate verify failed", "tls_refused", False),
        (AT + "server does not support SSL, but SSL was required", "tls_refused", False),
        ('invalid sslmode value: "requir"', "bad_parameters", False),
        ("connection is bad: local user with ID 64999 does not exist", "no_user", False),
        ("could not determine user name to connect with", "no_user", False),
        ("something new", "unknown", True),
    ],
)
def test_classifies(message: str, reason: str, retryable: bool) -> None:  # noqa: FBT001 - a case
    """Each class of failure is told from the others."""
    failure = classify(message)

    assert (reason, retryable) == (failure.reason, failure.retryable)
    assert failure.advice


def test_a_hint_of_libpqs_is_a_sentence_of_its_own() -> None:
    message = (
        'connection to server at "::1", port 1 failed: Connection refused\n'
        "\tIs the server running on that host and accepting TCP/IP connections?\n"
    )

    assert (
        'connection to server at "::1", port 1 failed: Connection refused.'
        " Is the server running on that host and accepting TCP/IP connections?"
    ) == classify(message).detail
