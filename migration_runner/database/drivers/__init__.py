"""What only the driver knows about a connection, in one file per driver.

Start with `driver`, the interface; a new driver is a new file, added to `known`.
"""
