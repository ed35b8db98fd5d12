"""One pass seen as it happens: attention calls, block outputs, many pictures at once."""
