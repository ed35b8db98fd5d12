"""Plain frozen data that rooms hand to each other."""
