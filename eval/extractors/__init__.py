"""Turns pictures into features: by the 2015 Inception network or by the emoji encoder."""
