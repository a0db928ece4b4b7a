"""Looks up the names and words of emoji in the lists of Unicode and CLDR."""
