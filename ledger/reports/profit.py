"""What is left of the money: revenue, profit and margin, each defined here once."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from schemas.money import percent_text, ratio_decimal


class Profit(NamedTuple):
    """What a call, or many, took in and cost, in nano-dollars.

    `cost_nano` is everything it cost, `transaction_nano` the part that payment processors kept.
    """

    charged_nano: int
    refunded_nano: int
    cost_nano: int
    transaction_nano: int

    @property
    def net_revenue_nano(self) -> int:
        """What the user paid in the end, less what payment processors kept."""
        return self.charged_nano - self.refunded_nano - self.transaction_nano

    @property
    def gross_nano(self) -> int:
        """What the user paid in the end, less everything it cost."""
        return self.charged_nano - self.refunded_nano - self.cost_nano

    @property
    def margin(self) -> Decimal:
        """Gross profit ÷ charged, to six decimals; 0 where nothing was charged."""
        return ratio_decimal(self.gross_nano, self.charged_nano)

    @property
    def margin_percent(self) -> str:
        """Gross profit ÷ charged as text such as `81.96%`; `0.00%` where nothing was charged."""
        return percent_text(self.gross_nano, self.charged_nano)
