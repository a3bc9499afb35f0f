"""``python -m gemax_cli``."""

from gemax_cli.cli.main import main

main()
