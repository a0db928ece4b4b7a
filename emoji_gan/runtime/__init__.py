"""Holds what every run needs: config, devices, processes, checkpoints, curves, previews."""
