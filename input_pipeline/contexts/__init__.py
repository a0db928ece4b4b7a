"""Holds what emoji are used for in campaigns: themes, uses in context, and cautions."""
