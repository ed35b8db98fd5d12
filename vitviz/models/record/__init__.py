"""A pass as it happens: what the model reads, and every attention call it makes."""
