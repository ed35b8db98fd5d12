"""What works on folders of pictures, without a session and without a window."""
