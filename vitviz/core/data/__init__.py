"""Plain data that everything else speaks of: what was traced, drawn, chosen, opened."""
