"""Checkpoint files: read safely, recognised, their tensors put into a network."""
