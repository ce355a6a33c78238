"""Many databases, or many tenants' schemas: one history, one command. Begin with `fleet.py`.

`targets` are named in `sources`, chosen in `selection`, looked at in `look`, ordered in `schedule`,
and run in forks of `worker`; `report` says what became of each.
"""
