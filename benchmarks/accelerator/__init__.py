"""Trains and checks on an accelerator: the commands of `benchmarks.gpu`."""
