"""Names and words of emoji, from Unicode's and CLDR's lists."""
