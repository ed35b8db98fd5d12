"""What several views share: picture layers, caches, questions to the model."""
