"""Defines the experiments: `get_config(variant)` of a file returns one; `default` has every option."""
