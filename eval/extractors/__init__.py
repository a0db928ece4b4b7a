"""What turns pictures into features: the 2015 Inception network and the emoji encoder."""
