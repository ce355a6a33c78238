"""The verbs, a file each: thin functions of flags and report."""
