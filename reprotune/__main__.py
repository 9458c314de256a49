"""The command ``reprotune`` as a module: ``python -m reprotune``."""

from reprotune.cli import main

if __name__ == "__main__":
    main()
