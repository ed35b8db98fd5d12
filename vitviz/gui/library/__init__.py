"""The model library's panel."""
