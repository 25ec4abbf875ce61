"""``python -m monitor``: the command line."""

from monitor.cli.main import main

main()
