"""Revenue, profit and margin of reports."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from schemas.money import percent_text, ratio_decimal


class Profit(NamedTuple):
    """The revenue and costs of one call or many, in nano-dollars.

    `cost_nano` is the total cost, `transaction_nano` the part that payment processors kept.
    """

    charged_nano: int
    refunded_nano: int
    cost_nano: int
    transaction_nano: int

    @property
    def net_revenue_nano(self) -> int:
        """Charges minus refunds and payment processors' fees."""
        return self.charged_nano - self.refunded_nano - self.transaction_nano

    @property
    def gross_nano(self) -> int:
        """Charges minus refunds and all costs."""
        return self.charged_nano - self.refunded_nano - self.cost_nano

    @property
    def margin(self) -> Decimal:
        """Gross profit ÷ charged, with six decimals; 0 if nothing was charged."""
        return ratio_decimal(self.gross_nano, self.charged_nano)

    @property
    def margin_percent(self) -> str:
        """Gross profit ÷ charged as text such as `81.96%`; `0.00%` if nothing was charged."""
        return percent_text(self.gross_nano, self.charged_nano)
