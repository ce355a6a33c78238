"""One run: decide, run env.py, apply, retry, verify.

It imports `project` and what is below, and nothing of a developer's tools.
Start with `runs` and `attempts` (one run), then `attempt` (once through env.py) and `decisions`
(what is to be done).
"""
