"""Numbers made of numbers: what is computed from maps and answers, without a model."""
