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
        "stripe is 52.78% of all cost: 5.7 USD of 10.8 USD. Prices 10 % lower there would have "
        "saved 0.57 USD."
    ]


def test_fees_losses_and_thin_margins_are_mentioned() -> None:
    fees = insights(sums(2, 100, stripe=10, twilio=50), NOTHING, 7)
    assert fees.recommendations[-1] == (
        "Payment processors kept 0.1 USD, 10.00% of revenue and 0.05 USD a call. Charging several "
        "calls at once pays the fixed part of the fee less often."
    )
    loss = insights(sums(2, 100, 20, twilio=90), NOTHING, 7)
    assert loss.recommendations[-1] == (
        "Calls lost 0.1 USD: they cost 0.9 USD and brought in 0.8 USD after refunds."
    )
    thin = insights(sums(2, 100, twilio=90), NOTHING, 7)
    assert thin.recommendations[-1] == "The margin is 10.00%: 0.1 USD is left of 1 USD charged."


def test_change_names_its_cause() -> None:
    before = sums(4, 1000, twilio=40, deepgram=40)
    rising = insights(sums(2, 1000, twilio=24, deepgram=20), before, 8)
    assert rising.recommendations[-1] == (
        "A call cost 0.22 USD on average, 10.00% more than in the 8 days before (0.2 USD); "
        "twilio changed most."
    )
    falling = insights(sums(4, 1000, twilio=40, elevenlabs=4), before, 8)
    assert "45.00% less than in the 8 days before" in falling.recommendations[-1]
    assert "deepgram changed most" in falling.recommendations[-1]
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
        "Spending doubled compared with the 7 days before: 6 USD after 3 USD."
        in insights(sums(8, 20_000, twilio=600), before, 7).recommendations
    )
    small = insights(sums(8, 20_000, twilio=599), before, 7)
    assert not [result for result in small.recommendations if "doubled" in result]
