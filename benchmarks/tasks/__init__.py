"""Measures whole tasks as users meet them."""
