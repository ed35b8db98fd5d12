"""Questions to a model that nobody described: which pixels a token reads, and what mixes tokens."""
