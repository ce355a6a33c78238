"""A customer's full name is called display name: the old one goes, 4 of 4.

Only when no release that knows full_name runs any more, nor will be rolled back to.
Locks: ACCESS EXCLUSIVE on customers for an instant.
Killed half-way: nothing is kept, a second run starts again.
Downgrade loses: nothing, as display_name has it all; it writes every row in one transaction.

Revision ID: 26bd5f13ea7a
Revises: 3251a9ed458b
Create Date: 2026-10-10 13:11:00+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "26bd5f13ea7a"
down_revision = "3251a9ed458b"
branch_labels = None
depends_on = None
# What an image must have to live with this: a rollback further back ends with an explanation.
breaks_before = "3251a9ed458b"


def upgrade() -> None:
    op.execute("DROP TRIGGER customers_keep_names_alike ON customers")
    op.execute("DROP FUNCTION customers_keep_names_alike()")
    op.drop_column("customers", "full_name")


def downgrade() -> None:
    op.add_column("customers", sa.Column("full_name", sa.Text))
    op.execute("UPDATE customers SET full_name = display_name")
    op.alter_column("customers", "full_name", nullable=False)
    op.execute(
        """
        CREATE FUNCTION customers_keep_names_alike() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND NEW.full_name IS DISTINCT FROM OLD.full_name THEN
                NEW.display_name = NEW.full_name;
            ELSIF TG_OP = 'UPDATE' AND NEW.display_name IS DISTINCT FROM OLD.display_name THEN
                NEW.full_name = NEW.display_name;
            END IF;
            NEW.display_name = coalesce(NEW.display_name, NEW.full_name);
            NEW.full_name = coalesce(NEW.full_name, NEW.display_name);
            RETURN NEW;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER customers_keep_names_alike BEFORE INSERT OR UPDATE ON customers"
        " FOR EACH ROW EXECUTE FUNCTION customers_keep_names_alike()"
    )
