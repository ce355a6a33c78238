"""The command line: arguments in, exit code out.

It may import every other room. Start with `main`; `command_table` lists the commands, `arguments`
parses the command line, and `help_pages` has the texts of `migrate help`.
"""
