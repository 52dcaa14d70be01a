"""Train hospitals together: `python run.py --dataset brats --algo fedprox`; see `--help`."""

import sys

from fedmini.cli import main

if __name__ == "__main__":
    sys.exit(main())
