"""What docs/ lists is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from migration_runner import errors
from migration_runner.database.known_errors import KNOWN_ERRORS
from migration_runner.log import events
from migration_runner.settings.variables import VARIABLES
from tests.fixtures.runner import ROOT


def _rows(document: str) -> list[list[str]]:
    text = (ROOT / "docs" / document).read_text()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and not line.startswith("|--")
    ]


def test_every_link_and_folder_is_there() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
    missing = [
        (document.name, target)
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    missing += [
        (document.name, path)
        for document in documents
        for path in re.findall(
            r"`((?:deploy|docs|migrations|tests)/[\w./-]*)`", document.read_text()
        )
        if not (ROOT / path).exists()
    ]
    assert [] == missing


def _anchors(document: Path) -> set[str]:
    """Return the anchors of a page's titles, as GitHub and the published pages have them."""
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", document.read_text())
    titles = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_link_to_a_section_has_one() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
    missing = [
        (document.name, target, anchor)
        for document in documents
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text())
        if anchor not in _anchors(document.parent / target if target else document)
    ]
    assert [] == missing


def test_architecture_names_what_there_is() -> None:
    named = set(
        re.findall(r"`([\w/]+(?:\.py|/))`", (ROOT / "docs" / "architecture.md").read_text())
    )
    missing = [
        path
        for path in named
        if not any((folder / path).exists() for folder in (ROOT, ROOT / "migration_runner"))
    ]
    assert [] == missing


def test_architecture_names_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "migration_runner").glob("*/__init__.py")}
    assert set() == {room for room in rooms if f"`{room}/`" not in text}


def test_the_known_errors() -> None:
    known = []
    for row in KNOWN_ERRORS:
        reason = f"`{row.reason}`" if row.reason else ""
        what = ": ".join(filter(None, [reason, row.states]))
        known.append([what, row.origin.value, str(row.kind.exit_code), row.advice])
    assert known == _rows("errors.md")[1:]


def test_the_variables() -> None:
    documented = {
        row[0].strip("`"): row[1].strip("`") for row in _rows("configuration.md") if "`" in row[0]
    }
    ours = {name: default for name, default in documented.items() if name.startswith("MIGRATE_")}
    assert {variable.name: variable.default for variable in VARIABLES} == ours


def test_the_choices() -> None:
    rows = {row[0].strip("`"): " ".join(row[1:]) for row in _rows("configuration.md")}
    missing = [
        (variable.name, choice)
        for variable in VARIABLES
        for choice in variable.choices
        if variable.takes != "true|false" and f"`{choice}`" not in rows[variable.name]
    ]
    assert [] == missing


def test_the_exit_codes() -> None:
    documented = {row[1]: row[0] for row in _rows("exit-codes.md") if row[0].isdigit()}
    classes = {
        cls.__name__: str(cls.exit_code)
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, errors.MigrationError)
    }
    classes["InternalError"] = classes.pop("MigrationError")
    assert classes == {name: code for name, code in documented.items() if name in classes}
    assert {"", *classes, "Interrupted"} == set(documented)


def test_the_events() -> None:
    documented = {name for row in _rows("events.md") for name in re.findall(r"`([a-z_]+)`", row[0])}
    ours = {value for name, value in vars(events).items() if name.isupper()}
    assert ours == documented


def test_the_pages_that_messages_name() -> None:
    modules = (ROOT / "migration_runner").rglob("*.py")
    calls = [
        re.findall(r"docs_page\([\"']([\w-]+)[\"']\)", module.read_text()) for module in modules
    ]
    named = {page for pages in calls for page in pages}
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {"privileges", "other-databases"} <= named
    assert named <= pages
