"""The termination message for Kubernetes: a sentence for people and the result for machines.

https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from migration_runner.log import events, logs
from migration_runner.log.bounds import fit, shorten_bytes
from migration_runner.log.facts import clean_facts, clean_value, render_compact
from migration_runner.log.plain_text import plain_text

# Kubernetes keeps this much of a termination message, and 12 KiB for all containers of a pod.
TERMINATION_MESSAGE_BYTES: Final = 4096
_SENTENCE_BYTES: Final = 2048


def write_termination_message(
    file: Path, summary: str, facts: dict[str, Any], counts: Mapping[str, int]
) -> None:
    """Write to `file`, if it exists: the kubelet creates it, and otherwise nobody reads it."""
    message = render_termination_message(summary, facts, counts)
    try:
        with file.open("r+b", buffering=0) as opened:
            # Of /dev/null and the like there is nothing to cut.
            if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                opened.truncate()
            opened.write(message)
    except OSError as error:
        logs.get_logger().debug(
            events.CLEANUP_FAILED, step="termination_message", detail=str(error)
        )


def render_termination_message(
    summary: str, facts: dict[str, Any], counts: Mapping[str, int]
) -> bytes:
    """Render both in at most 4,096 bytes, cut like a line of the log.

    If they are longer, the lists that have `counts` are numbers.
    """
    sentence = shorten_bytes(plain_text(clean_value(summary)), _SENTENCE_BYTES)
    sentence = " ".join(sentence.splitlines())
    facts = clean_facts(facts)
    room = TERMINATION_MESSAGE_BYTES - len(sentence.encode()) - 1
    result, cut = fit(facts, render_compact, room)
    if cut:
        result, _ = fit({**facts, **counts}, render_compact, room)
    return f"{sentence}\n{result}\n".encode()
