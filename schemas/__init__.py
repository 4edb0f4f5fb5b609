"""The shape of every message that crosses a boundary: events, totals and REST bodies. No I/O."""
