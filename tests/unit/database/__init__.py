"""Connections, sessions and locks."""
