"""The bars and panels around the columns."""
