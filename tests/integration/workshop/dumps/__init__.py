"""Tests of `migration_runner.workshop.dumps` against a real server."""
