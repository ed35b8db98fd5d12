"""Trials that prove again what holds: `python -m tests.trials`."""
