"""Lets `python -m cost_analytics` do what the console command `cost-analytics` does."""

import sys

from cost_analytics.cli import main

if __name__ == "__main__":
    sys.exit(main())
