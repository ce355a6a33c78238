"""What a revision's statements do to the tables of a release that is running.

`capture` records the statements while a revision runs, `judgement` says what is wrong with them.
"""
