"""How fast: steps, convolutions, the input pipeline, extractors, compilation."""
