"""The pictures that are open, and how they get here."""
