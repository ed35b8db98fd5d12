"""Small pieces that every room uses: theme, labels, keys, subscriptions."""
