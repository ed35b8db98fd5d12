"""Names that other libraries give the tensors of their transformers: a table for each, in timm's."""
