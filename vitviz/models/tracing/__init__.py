"""Pictures through a model: prepared, run, recorded, one by one or in batches."""
