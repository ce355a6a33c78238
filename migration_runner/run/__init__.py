"""One run: decide, go through env.py, apply, retry, verify.

It imports `project` and what is below, and nothing of a developer's tools.
Start with `attempts` (one run), then `env_run` (one attempt) and `decisions` (what is to be done).
"""
