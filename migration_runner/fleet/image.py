"""What the image has, to compare each target with: its heads, and what the ledger would have."""

from __future__ import annotations

from typing import Final

from migration_runner.fleet.look_query import VersionTable
from migration_runner.history.relation import Relation, relate
from migration_runner.ledger.rows import digest_of
from migration_runner.project.alembic_project import AlembicProject
from migration_runner.settings.settings import Settings

_USUAL_TABLE: Final = "alembic_version"
_HEAD: Final = ("head", "heads")


class Image:
    """The history of the image, and the version table that its project declares.

    `decides`: a target at head needs no run, since a run depends on nothing but this table.
    """

    def __init__(self, project: AlembicProject, settings: Settings) -> None:
        self.history = project.history
        self.heads = tuple(sorted(project.history.heads))
        declared = project.declared
        self.table_schema = declared.schema if declared else None
        self.table = declared.table if declared else _USUAL_TABLE
        self.is_declared = declared is not None
        self.decides = declared is not None and settings.target in _HEAD
        revisions = project.manifest_revisions()
        self._digest: str | None = None
        if revisions is not None:
            self._digest = digest_of((each.id, each.file_sha256) for each in revisions)
        self._without_ledger = settings.ledger == "off"

    def is_done(self, table: VersionTable | None) -> bool:
        """Whether a run would find nothing to do: neither a revision, nor a row of the ledger."""
        if not self.decides or table is None or table.heads != self.heads:
            return False
        return self._without_ledger or (table.digest is not None and table.digest == self._digest)

    def relation(self, table: VersionTable) -> Relation:
        """Return the relation of a version table that can be read, by its heads alone."""
        return relate(self.history, table.heads or (), {})

    def pending(self, table: VersionTable) -> int:
        """Return how many of the image's revisions a version table lacks."""
        contained = self.history.with_ancestors(table.heads or ())
        return len(self.history.revisions.keys() - contained)
