"""``python -m hic`` is the command ``hic``."""

from hic.cli import main

main()
