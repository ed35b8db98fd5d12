"""Figures put together for paper, made again, and said as code."""
