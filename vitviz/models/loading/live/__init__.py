"""A module that is in memory already: somebody's own network, in a script or a notebook."""
