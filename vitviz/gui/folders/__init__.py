"""What a model does over a folder of pictures: averages that fill while they are made."""
