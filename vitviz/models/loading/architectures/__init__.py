"""All of timm's architectures by the names and shapes of their tensors, and what no shape shows."""
