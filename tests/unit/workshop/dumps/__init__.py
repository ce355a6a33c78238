"""Tests of `migration_runner.workshop.dumps`, without a server."""
