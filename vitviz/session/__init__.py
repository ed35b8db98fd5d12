"""What is open and what is chosen, without any window."""
