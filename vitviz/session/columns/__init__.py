"""The columns: each a model with a picture, its trace and its drawings."""
