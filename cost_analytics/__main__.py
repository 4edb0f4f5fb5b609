"""Entry point of `python -m cost_analytics`, the same as the command `cost-analytics`."""

import sys

from cost_analytics.cli import main

if __name__ == "__main__":
    sys.exit(main())
