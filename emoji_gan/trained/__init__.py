"""A trained model as a thing: the sampler, its file, transfer, official weights."""
