"""A process that has imported everything, and forks another for each piece of work.

Start with `client`, which starts it.
"""
