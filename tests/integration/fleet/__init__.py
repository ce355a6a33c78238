"""Many databases: what `migrate fleet` needs."""
