"""Pictures opened from anywhere, upright and in RGB."""
