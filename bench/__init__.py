"""What this design reaches on the machine at hand, beside the limit and beside what it replaces.

`python -m bench` (`make bench`) starts its own broker and database, throws both away at the end,
and prints ratios of figures that were measured in turn, because one figure alone says little about
a design and much about the machine and the hour.
"""
