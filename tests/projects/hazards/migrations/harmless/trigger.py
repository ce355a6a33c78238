"""A function and a trigger."""

from __future__ import annotations

from alembic import op


def upgrade() -> None:
    op.execute(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN UPDATE customers SET points = 0; RETURN NEW; END $$"
    )
    op.execute("CREATE TRIGGER keep BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION keep()")
