"""The steps before a call's end, in the bodies of budgets."""

from __future__ import annotations

from api.http.problems import invalid_body
from api.routes.budget_numbers import percent_of
from ledger.budgets.call_steps import StepSettings
from ledger.budgets.limits import FULL
from schemas import call_steps as bodies
from schemas.exact import Exact


def steps_of(wanted: bodies.WantedCallSteps) -> StepSettings:
    """Return the requested steps; raises the 400 Problem, which names the field."""
    sentence = wanted.closing_sentence
    if sentence is not None and (not sentence.strip() or "\0" in sentence):
        raise invalid_body("`callSteps.closingSentence` must have a text without U+0000.")
    maximum = int(FULL)
    steps = StepSettings(
        warn=wanted.warn,
        warn_at=percent_of("callSteps.warnAt_percent", wanted.warn_at_percent, maximum),
        downgrade=wanted.downgrade,
        downgrade_at=percent_of(
            "callSteps.downgradeAt_percent", wanted.downgrade_at_percent, maximum
        ),
        closing_sentence=sentence,
    )
    if not steps.are_in_order:
        raise invalid_body(
            "`callSteps.warnAt_percent` must be below `callSteps.downgradeAt_percent`, and that "
            "below 100."
        )
    return steps


def steps_body(steps: StepSettings) -> bodies.CallSteps:
    """Return the steps of a budget."""
    return bodies.CallSteps(
        warn=steps.warn,
        warn_at_percent=Exact(steps.warn_at),
        downgrade=steps.downgrade,
        downgrade_at_percent=Exact(steps.downgrade_at),
        closing_sentence=steps.closing_sentence,
    )
