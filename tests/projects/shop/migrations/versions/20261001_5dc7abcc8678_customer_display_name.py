"""A customer's full name becomes the display name: both columns, kept in sync, 1 of 4.

From here to the last step, releases that use either column can run side by side.
Locks: ACCESS EXCLUSIVE on customers for an instant; NOT VALID reads no row.
Killed half-way: it is rolled back; a second run starts over.
Downgrade loses: nothing, since full_name has the same values.

Revision ID: 5dc7abcc8678
Revises: 85f8b7010b27
Create Date: 2026-10-01 12:20:00+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5dc7abcc8678"
down_revision = "85f8b7010b27"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("display_name", sa.Text))
    op.execute(
        "ALTER TABLE customers ADD CONSTRAINT ck_customers_display_name"
        " CHECK (display_name IS NOT NULL) NOT VALID"
    )
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


def downgrade() -> None:
    op.execute("DROP TRIGGER customers_keep_names_alike ON customers")
    op.execute("DROP FUNCTION customers_keep_names_alike()")
    op.drop_column("customers", "display_name")
