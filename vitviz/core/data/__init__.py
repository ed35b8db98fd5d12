"""What was asked, measured and drawn, as plain frozen values."""
