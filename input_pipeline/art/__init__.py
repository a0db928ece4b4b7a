"""Art from anyone: layouts of sets, SVG and PNG to pixels, the common box."""
