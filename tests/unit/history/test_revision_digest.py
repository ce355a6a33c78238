"""What counts as an edit of a revision file, and what does not."""

from __future__ import annotations

import ast
import codecs
import py_compile
import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migration_runner.history.revision_digest import digest_revision, file_sha256

SOURCE = '''\
"""Orders get a country."""
from alembic import op

revision = "a1"
LIMIT = 10


def upgrade():
    """Add it."""
    op.execute("ALTER TABLE orders ADD COLUMN country text")
    op.execute("UPDATE orders SET country = 'CH'")


def downgrade():
    op.drop_column("orders", "country")
'''
# Everything whose tree has differed from one version of Python to another.
PINNED = r'''
"""The docstring does not count."""
import sqlalchemy as sa
from . import other

face = "\U0001fae8"  # new in Unicode 15, which is Python 3.12's
name = "Zoë"
pattern = rf"{face!r:>{10}} {face = } {{}} {1:%Y-{2}}" "a" f"" "b"
invalid = "\d"
numbers = 0x10, 1_000, 1.5e300, 1j, b"\x00", -1, None, True, ...


class Thing(sa.Table, metaclass=type):
    """Nor this one."""
    x: int = 3


async def upgrade(op, /, tables=(), *args: int, key=None, **kwargs) -> None:
    async with op.one() as one, op.two:
        async for row in one:
            yield [x async for x in row if x], {**row}, lambda: (yield)
    match tables:
        case {"a": [1, *_], **rest} | None if rest: pass
    try: del tables[0], tables[1:2, ...]
    except* ValueError as error: raise error from None
    if (n := len(tables)) > 1 < 2: assert n, "no"
'''
PINNED_SHA256 = "34ca592c9f05cd90025357e5ff75576100d222912e5d7b64259cc841705a0597"


def _digest(folder: Path, text: str | bytes) -> str | None:
    path = folder / "revision.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return digest_revision(str(path)).code_sha256


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that Hypothesis may use again and again."""
    return tmp_path_factory.mktemp("digest")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 10", "LIMIT = 10  # for now"),
        ("LIMIT = 10", "# for now\n\n\nLIMIT   =  (\n    10\n)"),
        ('"a1"', "'a1'"),
        ('"a1"', '("a1")'),
        ('"a1"', 'u"a1"'),
        ('"a1"', '"a" "1"'),
        ('"orders", "country"', '\n        "orders",\n        "country",\n    '),
        ("10", "0xA"),
        ('"""Add it."""', '"""Add a column, so that."""'),
        ('    """Add it."""\n', ""),
        ('"""Orders get a country."""\n', ""),
        ("def upgrade():\n    ", "def upgrade():\n\n    "),
        ("\n", "\r\n"),
        ("    ", "\t"),
    ],
)
def test_what_a_formatter_changes_is_no_edit(tmp_path: Path, old: str, new: str) -> None:
    assert old in SOURCE
    assert _digest(tmp_path, SOURCE) == _digest(tmp_path, SOURCE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'CH'", "'AT'"),
        ("'CH'", "'CH '"),
        ("'CH'", "'ch'"),
        ("10", "11"),
        ("10", "10.0"),
        ("10", "True"),
        ('"a1"', 'b"a1"'),
        ("    op.execute(\"UPDATE orders SET country = 'CH'\")\n", ""),
        ('"orders", "country"', '"country", "orders"'),
        ("op.drop_column", "op.add_column"),
        ("LIMIT", "LIMITS"),
        ("LIMIT = 10", "LIMIT: int = 10"),
        ("def upgrade():", "def upgrade(op):"),
        ("def upgrade():", "async def upgrade():"),
    ],
)
def test_what_changes_the_program_is_an_edit(tmp_path: Path, old: str, new: str) -> None:
    assert old in SOURCE
    assert _digest(tmp_path, SOURCE) != _digest(tmp_path, SOURCE.replace(old, new))


@pytest.mark.parametrize("waivers", ['waives = {"env": "x"}', "waives: dict[str, str] = {}"])
def test_a_waiver_that_is_added_later_is_no_edit(tmp_path: Path, waivers: str) -> None:
    file = tmp_path / "r1.py"
    file.write_text(SOURCE)
    before = digest_revision(str(file)).code_sha256

    file.write_text(SOURCE.replace("LIMIT", f"{waivers}\nLIMIT", 1))
    assert before == digest_revision(str(file)).code_sha256

    file.write_text(SOURCE.replace("    op.", f"    {waivers}\n    op.", 1))
    assert before != digest_revision(str(file)).code_sha256


def test_the_order_of_statements_counts(tmp_path: Path) -> None:
    one, other = 'op.execute("one")\n', 'op.execute("other")\n'

    assert _digest(tmp_path, one + other) != _digest(tmp_path, other + one)


def test_where_a_statement_belongs_counts(tmp_path: Path) -> None:
    inside = _digest(tmp_path, "if a:\n    b\n    c\n")

    assert inside != _digest(tmp_path, "if a:\n    b\nc\n")
    assert inside != _digest(tmp_path, "if a:\n    b\nelse:\n    c\n")


def test_an_encoding_is_how_it_is_written_and_not_what_it_says(tmp_path: Path) -> None:
    text = 'name = "Zoë"\n'
    latin = "# -*- coding: latin-1 -*-\n" + text

    plain = _digest(tmp_path, text)

    assert plain == _digest(tmp_path, latin.encode("latin-1"))
    assert plain == _digest(tmp_path, codecs.BOM_UTF8 + text.encode())
    assert plain != _digest(tmp_path, latin.encode())


def test_every_version_of_python_finds_the_same(tmp_path: Path) -> None:
    """An application can be on another Python than the image that applied the revision."""
    assert PINNED_SHA256 == _digest(tmp_path, PINNED)


def test_the_bytes_have_a_digest_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "revision.py"
    path.write_bytes(b"x = 1\n")

    digest = digest_revision(str(path))

    assert file_sha256(str(path)) == digest.file_sha256
    path.write_bytes(b"x = 1\n\n")
    assert digest.file_sha256 != file_sha256(str(path))
    assert digest.code_sha256 == digest_revision(str(path)).code_sha256


def test_a_compiled_file_has_bytes_only(tmp_path: Path) -> None:
    """`sourceless = true`: nobody can say what is written in it."""
    source, compiled = tmp_path / "revision.py", tmp_path / "revision.pyc"
    source.write_text(SOURCE)
    py_compile.compile(str(source), str(compiled))

    digest = digest_revision(str(compiled))

    assert digest.code_sha256 is None
    assert file_sha256(str(compiled)) == digest.file_sha256


@pytest.mark.parametrize("text", ["def upgrade(:\n", "x = '\x00'\n", "( " * 300 + ") " * 300])
def test_what_is_no_python_has_bytes_only(tmp_path: Path, text: str) -> None:
    assert _digest(tmp_path, text) is None


def test_a_long_sum_is_not_too_deep(tmp_path: Path) -> None:
    """Python compiles it, so it is a revision as good as any."""
    sums = ["x = " + " + ".join(["'a'"] * 2500 + [end]) for end in ("'b'", "'c'")]

    one, other = (_digest(tmp_path, text) for text in sums)

    assert one is not None
    assert one != other


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
@example(text="\x00")
@example(text='"""')
def test_any_constant_counts_and_how_it_is_quoted_does_not(folder: Path, text: str) -> None:
    spellings = {
        _digest(folder, f"x = {written}\n")
        for written in (repr(text), ascii(text), f"({text!r})", f"{text!r} ''")
    }

    assert 1 == len(spellings)
    assert spellings != {_digest(folder, f"x = {text + 'x'!r}\n")}


@given(words=st.lists(st.text(string.ascii_letters, min_size=1), min_size=2, max_size=6))
def test_a_file_that_python_writes_anew_is_the_same(folder: Path, words: list[str]) -> None:
    """`ast.unparse` loses every comment, and puts quotes and parentheses where it likes."""
    calls = "\n".join(f"    op.execute(('{word}'))  # {word}" for word in words)
    text = f'def upgrade():\n    "{words[0]}"\n{calls}\n'

    assert _digest(folder, text) == _digest(folder, ast.unparse(ast.parse(text)))
