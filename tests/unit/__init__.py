"""Tests without a database and without waiting."""
