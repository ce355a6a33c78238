"""Numbers of things in a sentence."""

from __future__ import annotations


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Return `1 revision`, `2 revisions`, `1 process`, `2 processes`."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
