"""Device trees of the machines of a scenario, and the binding of the node that a VMM gets."""
