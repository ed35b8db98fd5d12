"""How places are told apart."""
