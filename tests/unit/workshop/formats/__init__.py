"""The formats of `migrate verify`."""
