"""The commands of `migrate`, a file each: thin functions of an `Invocation`.

They import every other room; only `verbs` names them. Start with `invocation`, which all of them
are given.
"""
