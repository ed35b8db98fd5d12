"""Figures for paper: the dialog, its form, and where they are saved."""
