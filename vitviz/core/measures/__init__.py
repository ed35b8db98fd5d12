"""What is computed from attention and features: rollout, distance, similarity, CKA."""
