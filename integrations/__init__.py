"""Integrations: what other tools and systems take of the controller."""
