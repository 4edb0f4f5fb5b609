"""The benchmark: rates and latencies of the product beside plain COPY and other consumers.

`python -m bench` (`make bench`) starts its own broker and database, discards both at the end, and
prints ratios of figures that were measured alternately: a single figure says little about a design
and much about the machine and the time.
"""
