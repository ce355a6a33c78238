"""Backfills that neither lock a whole table nor start from nothing when they are killed."""

from __future__ import annotations

from alembic import op

_BATCH_SIZE = 1000


def update_in_batches(table: str, assignments: str, where: str, size: int = _BATCH_SIZE) -> None:
    """Run `UPDATE table SET assignments WHERE where`, `size` ids at a time, each committed.

    The table's primary key is `id`, a number above 0. `where` must not hold for a row that is
    done: so a second run does only what is left. All arguments are SQL of the revision's own.
    The loop is the server's (a DO block may commit since PostgreSQL 11), so `--sql` has it, too.
    """
    with op.get_context().autocommit_block():
        op.execute(
            f"""
            DO $$
            DECLARE
                done bigint = 0;
                upper bigint;
            BEGIN
                LOOP
                    SELECT max(id) INTO upper FROM (
                        SELECT id FROM {table} WHERE id > done ORDER BY id LIMIT {size}
                    ) AS batch;
                    EXIT WHEN upper IS NULL;
                    UPDATE {table} SET {assignments}
                    WHERE id > done AND id <= upper AND ({where});
                    COMMIT;
                    done = upper;
                END LOOP;
            END
            $$
            """  # noqa: S608 - SQL of the revision's own, nothing from outside
        )
