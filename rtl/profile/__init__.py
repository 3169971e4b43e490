"""Profiles: the controller's lines as the interrupt pins of an architecture."""
