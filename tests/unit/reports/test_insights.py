"""Insights about all users follow from the figures, word for word."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.reports.insights import Insights, PeriodSums, insights
from ledger.reports.profit import Profit
from schemas.money import NANO_PER_USD

NOTHING = PeriodSums(0, {}, Profit(0, 0, 0, 0))


def sums(calls: int, charged: int, refunded: int = 0, **costs: int) -> PeriodSums:
    """Return sums; amounts are in cents."""
    nano = {service: cent * NANO_PER_USD // 100 for service, cent in costs.items()}
    profit = Profit(
        charged * NANO_PER_USD // 100,
        refunded * NANO_PER_USD // 100,
        sum(nano.values()),
        nano.get("stripe", 0),
    )
    return PeriodSums(calls, nano, profit)


def test_no_calls_give_no_insight() -> None:
    assert insights(NOTHING, NOTHING, 30) == Insights(None, "0.00%", [])
    assert insights(sums(1, 100, twilio=0), NOTHING, 30).largest is None


def test_documented_month_has_its_insights() -> None:
    costs = {"twilio": 168, "deepgram": 72, "cerebras": 12, "elevenlabs": 216, "raindrop": 24,
             "vultr": 12, "vercel": 6, "stripe": 570}  # fmt: skip
    result = insights(sums(12, 5988, **costs), NOTHING, 30)
    assert (result.largest, result.largest_percent) == ("stripe", "52.78%")
    assert result.recommendations == [
        "Stripe is 53% of cost: $5.70 of $10.80. Prices 10% lower would have saved $0.57."
    ]


def test_fees_losses_and_thin_margins_are_mentioned() -> None:
    fees = insights(sums(2, 100, stripe=10, twilio=50), NOTHING, 7)
    assert fees.recommendations[-1] == (
        "Payment fees took $0.10: 10% of what was charged, $0.05 per call. Charging several "
        "calls at once pays the fixed part less often."
    )
    loss = insights(sums(2, 100, 20, twilio=90), NOTHING, 7)
    assert loss.recommendations[-1] == (
        "Calls lost $0.10: they cost $0.90 and brought in $0.80 after refunds."
    )
    thin = insights(sums(2, 100, twilio=90), NOTHING, 7)
    assert thin.recommendations[-1] == "The margin is 10.00%: $0.10 left of $1.00 charged."


def test_change_names_its_cause() -> None:
    before = sums(4, 1000, twilio=40, deepgram=40)
    rising = insights(sums(2, 1000, twilio=24, deepgram=20), before, 8)
    assert rising.recommendations[-1] == (
        "Calls cost $0.22 on average, 10% more than in the previous 8 days ($0.20); "
        "driven by Twilio."
    )
    falling = insights(sums(4, 1000, twilio=40, elevenlabs=4), before, 8)
    assert "45% less than in the previous 8 days" in falling.recommendations[-1]
    assert "driven by Deepgram" in falling.recommendations[-1]
    level = insights(sums(4, 1000, twilio=40, deepgram=47), before, 8)
    assert not [result for result in level.recommendations if "on average" in result]


amounts = st.integers(-(10**6), 10**9)
anything = st.builds(
    lambda calls, charged, refunded, costs: sums(calls, charged, refunded, **costs),
    st.integers(0, 10**6),
    st.integers(0, 10**9),
    st.integers(0, 10**6),
    st.dictionaries(st.sampled_from(["twilio", "deepgram", "stripe", "new"]), amounts),
)


@given(anything, anything, st.integers(1, 400))
def test_same_figures_give_the_same_insights(
    now: PeriodSums, before: PeriodSums, days: int
) -> None:
    result = insights(now, before, days)
    reordered = now._replace(costs=dict(reversed(list(now.costs.items()))))
    assert insights(reordered, before, days) == result
    assert all(sentence.endswith(".") for sentence in result.recommendations)
    if result.largest is not None:
        assert now.costs[result.largest] == max(now.costs.values())


def test_doubled_spending_is_mentioned() -> None:
    before = sums(4, 10_000, twilio=300)
    assert (
        "Cost is 2\N{MULTIPLICATION SIGN} that of the previous 7 days: $6.00, up from $3.00."
        in insights(sums(8, 20_000, twilio=600), before, 7).recommendations
    )
    small = insights(sums(8, 20_000, twilio=599), before, 7)
    assert not [result for result in small.recommendations if result.startswith("Cost is")]
