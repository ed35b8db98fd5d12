"""The model asked again: features, early answers, blocks step by step, what-ifs."""
