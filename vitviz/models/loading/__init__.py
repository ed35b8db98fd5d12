"""From a name or a file to a model that is built, filled and described."""
