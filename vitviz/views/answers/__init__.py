"""What the model answers, when it knew, and what changes it."""
