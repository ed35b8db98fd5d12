"""Across pictures: where else something is, and what belongs to what."""
