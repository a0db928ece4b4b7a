"""Measures scale: training steps compiled for TPUs that are not here, and their cost."""
