"""A developer's tools: a throw-away server, writing and checking revisions, new projects.

No run imports them, and they are not in the image. Start with `verify.py`.
"""
