"""Recorded attention, and the walks over it."""
