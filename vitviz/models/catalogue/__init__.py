"""All of timm as a list: what each model takes, costs and was trained on."""
