"""Benchmarks: ours, plain Alembic, psql and other tools, side by side. `make bench` runs them."""
