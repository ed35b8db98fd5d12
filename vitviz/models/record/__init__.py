"""How attention is spelt in other people's code, read as one: softmax, product with values, or fused."""
