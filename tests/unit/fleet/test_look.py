"""How many of a server's databases are looked at, if it does not answer."""

from __future__ import annotations

import pytest

from migration_runner.fleet.look import Sight, _Question, _Waiting
from migration_runner.fleet.targets import Target


@pytest.mark.parametrize("answers", [True, False])
def test_a_server_that_has_never_answered_is_given_up(*, answers: bool) -> None:
    """After three attempts; one that has answered is asked for each of its databases."""
    questions = [_Question(number, "a", {}, [Target(f"t{number}")]) for number in range(9)]
    waiting = _Waiting(questions)
    late = Sight(reason="timeout")
    asked = 0

    while (question := waiting.take()) is not None:
        asked += 1
        reason = "" if answers and asked == 1 else "timeout"
        waiting.answer(question, question.answer_all(late), reason)

    assert (9 if answers else 3) == asked
    assert 9 == waiting.answers.qsize()
