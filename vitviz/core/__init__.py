"""Numbers and plain data that everything above shares: no Qt, no torch, no matplotlib."""
