"""How a model is opened: checkpoint files and patch sizes."""
