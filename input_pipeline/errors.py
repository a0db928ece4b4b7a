"""The one exception this package raises for a user's mistake."""


class DataError(Exception):
    """What was wrong with the data, where, and what to do, in one line."""
