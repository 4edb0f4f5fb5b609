"""What this design reaches on this machine, relative to the limit and to what it replaces.

`python -m bench` (`make bench`) starts its own broker and database, discards both at the end, and
prints ratios of figures that were measured alternately: a single figure says little about a design
and much about the machine and the time.
"""
