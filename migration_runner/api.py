"""What an env.py or a revision may import from the runner; everything else is private.

    from migration_runner.api import engine_from_environment          # env.py
    from migration_runner.api import report_progress, update_in_batches  # a revision

These names and their parameters do not change between releases.
"""

from migration_runner.database.engine import engine_from_environment
from migration_runner.log.revision_progress import report_progress
from migration_runner.project.batches import update_in_batches

__all__ = ["engine_from_environment", "report_progress", "update_in_batches"]
