"""Finds stuck calls in a process that kills itself at one step: arguments are URL, step and time.

A step is the path of a function that the detection calls; the process dies when it reaches the
step for the second time. The stream is counted until the time.
"""

import asyncio
import sys
from datetime import datetime

from ledger.stuck_calls import detection
from tests.support.killed_pricer import arm
from tests.support.stuck_calls import check_calls, detector

CALLS_AT_ONCE = 10

if __name__ == "__main__":
    detection.CALLS_AT_ONCE = CALLS_AT_ONCE  # type: ignore[misc]
    arm(sys.argv[2])
    until = datetime.fromisoformat(sys.argv[3])
    asyncio.run(check_calls(sys.argv[1], until, detector(ends_calls=True)))
