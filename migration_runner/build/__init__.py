"""The manifest of `migrate build`: what it has, and how that is determined.

Imports `run` and the rooms below; no run imports it. Start with `manifest`.
"""
