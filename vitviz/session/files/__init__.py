"""What stays on disk: sessions and settings."""
