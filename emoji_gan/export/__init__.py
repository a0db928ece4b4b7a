"""Writes trained models for use elsewhere: pages, ONNX, weights, publications."""
