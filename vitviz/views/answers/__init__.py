"""Views of an answer: what it depends on, and how far to trust that."""
