"""Convolution and resampling: the one place that knows what is fast on which backend."""
