"""Why this answer: how a target depends on patches, tokens, heads and layers."""
