"""The screen of `top`: figures, active calls and alerts, refreshed in place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Static

from cost_analytics.failures import CommandError
from cost_analytics.monitor.reading import Monitor, Snapshot
from cost_analytics.monitor.text import (
    ALERT_COLUMNS,
    CALL_COLUMNS,
    ORDERS,
    Order,
    alert_row,
    call_rows,
    figures_of,
)

_STYLES: Final = """
Screen { background: ansi_default; }
#title, #figures, #problem { height: auto; padding: 0 1; }
#problem { color: ansi_red; }
#calls { height: 2fr; scrollbar-size-horizontal: 0; }
#alerts { height: 1fr; min-height: 5; }
DataTable { background: ansi_default; }
"""
_RIGHT: Final = frozenset({"age", "events", "cost", "per minute"})


class MonitorApp(App[None]):
    """Reads a snapshot every `seconds`, and shows it."""

    CSS = _STYLES
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape", "quit", "Quit", key_display="q"),
        Binding("o", "next_order", "Order"),
        Binding("space", "pause", "Pause", key_display="space"),
    ]

    def __init__(self, monitor: Monitor, seconds: int) -> None:
        super().__init__(ansi_color=True)
        self._monitor = monitor
        self._seconds = seconds
        self._order: Order = ORDERS[0]
        self._is_paused = False
        self._shown: Snapshot | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Static(id="title")
        yield Static(id="figures")
        yield Static(id="problem")
        yield DataTable(id="calls", cursor_type="row")
        yield DataTable(id="alerts", cursor_type="none")
        yield Footer()

    def on_mount(self) -> None:
        """Begin to read."""
        self._table("calls").add_columns(*(_right(CALL_COLUMNS, CALL_COLUMNS)))
        self._table("alerts").add_columns(*ALERT_COLUMNS)
        self._table("alerts").display = False
        self._show_title()
        self.run_worker(self._keep_reading())

    def action_next_order(self) -> None:
        """Order the calls by the next column."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._show_title()
        self._show_tables()

    def action_pause(self) -> None:
        """Stop or continue to show new snapshots."""
        self._is_paused = not self._is_paused
        self._show_title()

    async def _keep_reading(self) -> None:
        while True:
            try:
                self._show(await self._monitor.read())
            except CommandError as error:
                self.query_one("#problem", Static).update(Text(str(error)))
            await asyncio.sleep(self._seconds)

    def _show(self, snapshot: Snapshot) -> None:
        if self._is_paused:
            return
        self._shown = snapshot
        texts = Text("   ").join(
            Text.assemble(
                (f"{figure.name} ", "dim"), (figure.value, "bold red" if figure.is_bad else "bold")
            )
            for figure in figures_of(snapshot, self._monitor.rates)
        )
        self.query_one("#figures", Static).update(texts)
        self.query_one("#problem", Static).update(Text(snapshot.problem))
        self._show_title()
        self._show_tables()

    def _show_title(self) -> None:
        shown = self._shown
        at = f"{shown.at:%Y-%m-%d %H:%M:%S} UTC" if shown else "reading…"
        paused = "   paused" if self._is_paused else ""
        self.query_one("#title", Static).update(
            Text.assemble(("Cost Analytics", "bold"), f"   {at}   calls by {self._order}{paused}")
        )

    def _show_tables(self) -> None:
        if self._shown is None:
            return
        rows = call_rows(self._shown, self._monitor.rates, self._order)
        _replace(self._table("calls"), [_right(CALL_COLUMNS, row) for row in rows])
        alerts = self._table("alerts")
        alerts.display = bool(self._shown.alerts)
        _replace(alerts, [alert_row(alert) for alert in self._shown.alerts])

    def _table(self, name: str) -> DataTable[str | Text]:
        return self.query_one(f"#{name}", DataTable)


def _replace(table: DataTable[str | Text], rows: Iterable[Sequence[str | Text]]) -> None:
    """Replace the rows of a table, without moving what is visible."""
    top, cursor = table.scroll_y, table.cursor_row
    table.clear()
    table.add_rows(rows)
    table.move_cursor(row=cursor, scroll=False)
    table.scroll_to(y=top, animate=False)


def _right(columns: Sequence[str], cells: Sequence[str]) -> list[str | Text]:
    """Align the cells of numbers to the right."""
    return [
        Text(cell, justify="right") if column in _RIGHT else cell
        for column, cell in zip(columns, cells, strict=True)
    ]
