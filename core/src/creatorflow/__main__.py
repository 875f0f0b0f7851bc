"""``python -m creatorflow``: the same program as the ``creatorflow`` script."""

from creatorflow.cli import main

if __name__ == "__main__":
    main()
