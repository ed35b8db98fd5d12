"""How attention is spelt in other people's code: softmax, product with values, or fused."""
