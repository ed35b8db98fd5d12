"""Weights of the model hub: what is here, and downloads that resume."""
