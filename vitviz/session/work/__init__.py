"""Work off the window's thread, and what is kept of it."""
