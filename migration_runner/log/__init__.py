"""Events, and the one stream that they are written to.

It imports only the ground: `errors`, `clock`, `signals`.
Start with `events` (every name that can appear) and `logs` (how a line is written).
"""
