"""Which vitviz this is: every installer, figure and report takes the number from here."""

__version__ = "0.1.0"
