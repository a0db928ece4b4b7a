"""Writes a generator as ONNX, checked against JAX; needs requirements-export.txt."""
SUFFIX = ".onnx"
def add_arguments(p): pass
