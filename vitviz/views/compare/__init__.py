"""Two models, patch sizes or pictures beside each other."""
