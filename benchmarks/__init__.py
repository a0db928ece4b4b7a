"""Every performance figure, each a command."""
