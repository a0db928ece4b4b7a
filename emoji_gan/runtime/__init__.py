"""A run as a thing: config, devices, processes, checkpoints, curves, previews."""
