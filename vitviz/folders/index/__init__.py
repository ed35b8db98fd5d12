"""An index of the patches of a folder, and questions to it."""
