"""The first steps of the tutorial: patches, embedding, einops, receptive field."""
