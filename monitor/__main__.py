"""``soawatch`` and ``python -m monitor``: the command line."""

import signal


def main() -> None:
    """Run the command line. Ctrl-C while it loads ends it as a signal does, without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # not where a shell has SIGINT ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from monitor.cli.main import main as run

    signal.signal(signal.SIGINT, before)
    run()


if __name__ == "__main__":
    main()
