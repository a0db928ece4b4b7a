"""Says in words what pictures of emoji show."""
