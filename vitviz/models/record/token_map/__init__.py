"""Which pixels the tokens of an unknown module read, measured by changing the picture."""
