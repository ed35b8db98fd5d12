"""What goes on layer by layer: blocks, features, lengths."""
