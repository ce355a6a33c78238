"""Benchmarks: the runner, plain Alembic, psql and other tools. `make bench` runs them."""
