"""Events, and the one stream that they are written to.

Imports only the base modules `errors`, `clock` and `signals`.
Start with `events` (every event's name) and `logs` (how a line is written).
"""
