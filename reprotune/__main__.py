"""The command ``reprotune`` as a module: ``python -m reprotune``."""

from reprotune.core.standing import look_here_last

if __name__ == "__main__":
    look_here_last()  # before anything else is imported

    from reprotune.cli import main

    main()
