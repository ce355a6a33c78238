"""What a run is told: variables, flags, database URLs, durations.

It imports the ground. Start with `variables`, the table of all settings; `settings` reads them.
"""
