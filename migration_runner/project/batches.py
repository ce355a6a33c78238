"""Backfills that neither lock a whole table nor start over when they are killed."""

from __future__ import annotations

from alembic import op

_BATCH_SIZE = 1000


def update_in_batches(table: str, assignments: str, where: str, size: int = _BATCH_SIZE) -> None:
    """Run `UPDATE table SET assignments WHERE where`, `size` ids at a time, each committed.

    The table's primary key is `id`, a positive number. `where` must be false for rows that are
    done, so that a second run updates only the rest. All arguments are the revision's own SQL.
    The loop runs in the server (a DO block may commit since PostgreSQL 11), also with `--sql`.
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
            """  # noqa: S608 - the revision's own SQL, no external input
        )
