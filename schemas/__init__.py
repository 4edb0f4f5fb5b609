"""Every shape that crosses a boundary: events, totals, REST bodies; nothing here does I/O."""
