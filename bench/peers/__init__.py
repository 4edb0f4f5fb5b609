"""Other stream processors with the same task: each event's row and the totals in PostgreSQL.

`python -m bench.peers` (`make bench-peers`) measures them beside our worker. Each peer is one
module, written as its library's documentation recommends, in a Python environment of its own
(`requirements/peers.txt`). Those environments do not contain this project's dependencies.
"""
