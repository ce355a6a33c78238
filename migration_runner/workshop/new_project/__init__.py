"""What `migrate init` lays down: a project that needs nothing of this repository.

Start with `layout.py`, which says which files there are; their texts are in `files/`.
"""
