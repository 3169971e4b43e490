"""Examples: systems that use the controller."""
