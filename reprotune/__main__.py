"""The command ``reprotune``, and as a module: ``python -m reprotune``."""

from reprotune.core.standing import look_here_last, stand


def start() -> None:
    """Run the command."""
    stand()  # before anything else is imported

    from reprotune.cli import main

    main()


if __name__ == "__main__":
    look_here_last()
    start()
