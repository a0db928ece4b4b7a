"""Convolution and resampling: the one place that knows what is fast on which backend."""

DEVICE_AXIS = "data"  # name of the mesh axis that batches are split over
