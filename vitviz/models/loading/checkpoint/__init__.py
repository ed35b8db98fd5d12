"""From a checkpoint on disk to clean tensors by name, read once; nothing in it is ever executed."""
