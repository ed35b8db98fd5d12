"""Every attention call of a pass: seen as it happens, verified, laid over its tokens."""
