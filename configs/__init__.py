"""Defines the experiments, one a file; `default` lists every option."""
