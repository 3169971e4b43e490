"""Timing diagrams of the documents, drawn from a simulation of the RTL."""
