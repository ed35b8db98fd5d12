"""Averages over the pictures of a folder: measured in parts, merged, drawn, saved."""
