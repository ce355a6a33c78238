"""The commands of `migrate`, a file each: thin functions of flags, report and options.

They import every other room; only `verbs` names them. Start with `begin`, which all of them share.
"""
