"""Where tokens look: heads, rollout, matrix, distance, entropy."""
