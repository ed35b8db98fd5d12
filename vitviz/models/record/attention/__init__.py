"""Recorded attention, evaluated when somebody looks."""
