"""Experiments: each file returns a config by `get_config(variant)`; default.py has every field."""
