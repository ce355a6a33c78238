"""A block builds indexes."""

from __future__ import annotations

from alembic import op

expected = "index-build-blocks-writes"


def upgrade() -> None:
    op.execute(
        """
        DO $$
        DECLARE name text;
        BEGIN
            FOR name IN SELECT unnest(ARRAY['customers', 'orders']) LOOP
                EXECUTE 'CREATE INDEX ON ' || quote_ident(name) || ' (country)';
            END LOOP;
        END $$
        """
    )
