"""`python -m firstwords` is `firstwords`."""

import sys

from firstwords.cli import main

if __name__ == "__main__":
    sys.exit(main())
