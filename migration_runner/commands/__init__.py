"""The commands of `migrate`, a file each: thin functions of an `Invocation`.

They may import every room but `cli`, whose `command_table` lists them. Start with `invocation`,
which every command gets.
"""
