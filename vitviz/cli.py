"""The command line: the same engine and views without a window."""
