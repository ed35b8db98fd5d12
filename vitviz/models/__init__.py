"""Models: loaded, run once over a picture, and every attention call recorded and verified."""
