"""The name under which package indexes and `pip` know the project. The command and the Verilog module are `hic`."""

__all__ = ["DISTRIBUTION"]

DISTRIBUTION = "hybrid-interrupt-controller"
"""`importlib.metadata` finds version, summary and licence by it. `hic` itself is another project's name there."""
