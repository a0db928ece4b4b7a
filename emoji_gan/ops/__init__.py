"""Holds convolution and resampling: the one package that knows what is fast on which backend."""

DEVICE_AXIS = "data"  # name of the mesh axis that batches are split over
