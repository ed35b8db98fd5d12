"""A model by name or file: found, built, filled, described, and how it wants its pictures."""
