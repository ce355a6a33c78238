"""${message if message.endswith((".", "?", "!")) else f"{message}."}

What and why:
Locks taken, on what, for how long (see docs/writing-revisions.md):
Works with the release that runs now, and with the next one:
If it is killed half-way, a second run:
Downgrade loses:

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}
# If this removes what older releases need, add `breaks_before`, the oldest revision that an image
# must have to work with the database afterwards: see docs/writing-revisions.md.


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
