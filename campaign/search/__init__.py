"""Finds the emoji that suit the words of a campaign."""
