"""What was changed of what is shown, taken back and done again, newest first."""
