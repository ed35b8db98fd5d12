"""What is had from the model hub: files checked as they come, and what they say of a model."""
