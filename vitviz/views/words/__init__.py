"""Inside a patch: the words of a TNT."""
