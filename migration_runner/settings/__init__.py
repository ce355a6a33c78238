"""A run's settings: variables, flags, database URLs, durations.

Imports the base modules. Start with `variables`, the table of all settings; `settings` reads them.
"""
