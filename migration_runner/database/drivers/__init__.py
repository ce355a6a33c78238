"""What only a driver knows of its connection, a file for each driver.

Start with `driver`, which says what is asked; another driver is another file, named in `known`.
"""
