"""Measures speed: steps, convolutions, the input pipeline, extractors, compilation."""
