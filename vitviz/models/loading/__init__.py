"""A model from wherever it comes: bundled, timm, a file or folder, the hub."""
