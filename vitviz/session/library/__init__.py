"""The model library: what there is, what is here, what is being downloaded."""
