"""How good ways of asking why are, over a folder of pictures."""
