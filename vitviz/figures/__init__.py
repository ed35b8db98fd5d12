"""Figures for papers: the same drawings as on screen, printed by matplotlib."""
