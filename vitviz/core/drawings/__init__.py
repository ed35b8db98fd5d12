"""Drawings put together: one range for several, several on a page, many tiles in one image."""
