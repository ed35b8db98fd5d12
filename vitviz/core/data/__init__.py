"""Plain frozen data that everything above shares: traces, drawings, selections, recipes."""
