"""The formats of `migrate verify`'s result. Start with `writing`."""
