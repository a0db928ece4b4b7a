"""Measures quality: the methods beside each other, transfer, the ladder of damages."""
