"""Makes new emoji from existing ones."""
