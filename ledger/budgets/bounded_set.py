"""A set of a bounded size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable


class BoundedSet:
    """A bounded set that drops the least recently added items."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._items: OrderedDict[object, None] = OrderedDict()

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def add(self, items: Iterable[object]) -> None:
        for item in items:
            self._items[item] = None
            self._items.move_to_end(item)
        while len(self._items) > self._maximum:
            self._items.popitem(last=False)
