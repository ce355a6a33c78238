"""The termination message for Kubernetes: a sentence for people and the result for machines.

https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from migration_runner.log import events, logs
from migration_runner.log.redaction import redact

# Kubernetes keeps this much of a termination message, and 12 KiB for all containers of a pod.
TERMINATION_MESSAGE_BYTES: Final = 4096
_SENTENCE_BYTES: Final = 2048


def write_termination_message(
    file: Path, summary: str, facts: dict[str, Any], countable: Collection[str]
) -> None:
    """Write to `file`, if it exists: the kubelet creates it, and otherwise nobody reads it."""
    message = render_termination_message(redact(summary), facts, countable)
    try:
        with file.open("r+b", buffering=0) as opened:
            opened.truncate()
            opened.write(message)
    except OSError as error:
        logs.get_logger().debug(
            events.CLEANUP_FAILED, step="termination_message", detail=str(error)
        )


def render_termination_message(
    summary: str, facts: dict[str, Any], countable: Collection[str]
) -> bytes:
    """Render both in at most 4,096 bytes; if they are longer, with `countable` lists as numbers."""
    sentence = _shorten(summary, _SENTENCE_BYTES)
    room = TERMINATION_MESSAGE_BYTES - len(sentence) - 2
    counted = {name: len(facts[name]) for name in countable if name in facts}
    for smaller in (facts, {**facts, **counted}):
        result = redact(_compact(smaller)).encode(errors="backslashreplace")
        if len(result) <= room:
            return sentence + b"\n" + result + b"\n"
    kept = ("outcome", "exit_code", "run_id", "server_version", "runner_version", "build")
    result = redact(_compact({name: facts.get(name) for name in kept})).encode(
        errors="backslashreplace"
    )
    return sentence + b"\n" + (result + b"\n" if len(result) <= room else b"")


def _shorten(text: str, size: int) -> bytes:
    data = text.encode(errors="backslashreplace")
    if len(data) <= size:
        return data
    return data[: size - 3].decode(errors="ignore").encode() + "…".encode()


def _compact(facts: dict[str, Any]) -> str:
    return json.dumps(facts, separators=(",", ":"), ensure_ascii=False, default=str)
