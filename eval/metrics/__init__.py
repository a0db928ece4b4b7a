"""Holds the metrics, one a file, all called as `evaluate(real, fake, rng)`."""
