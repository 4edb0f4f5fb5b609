"""Decides prices that wait: an approved one enters the catalogue in the same transaction."""

from __future__ import annotations

from ledger.postgres.database import Connection, in_transaction
from ledger.prices.entry import add_prices
from ledger.prices.proposals import (
    Decision,
    Proposal,
    lock_proposal,
    note_decision,
    read_proposal,
    replace_known,
)


class DecidedError(Exception):
    """The proposal was decided before; `state` says how."""

    def __init__(self, state: str) -> None:
        super().__init__(f"it is {state} already")
        self.state = state


async def decide(
    connection: Connection, proposal_id: int, decision: Decision, *, decided_by: str
) -> Proposal:
    """Approve a proposal, which enters its price into the catalogue, or reject it.

    Other proposals of an approved price that it makes superfluous are replaced.

    Deciding the same again changes nothing. Raises NoProposalError, DecidedError where it was
    decided otherwise, and PriceConflictError where the catalogue has another price by now.
    """
    async with in_transaction(connection):
        proposal = await lock_proposal(connection, proposal_id)
        if proposal.state == decision:
            return proposal
        if proposal.state != "pending":
            raise DecidedError(proposal.state)
        if decision == "approved":
            by = f"{proposal.set_by}, approved by {decided_by}"
            await add_prices(connection, [proposal.row], set_by=by)
        await note_decision(connection, proposal_id, decision, decided_by)
        if decision == "approved":
            await replace_known(connection, [proposal.row], decided_by)
        return await read_proposal(connection, proposal_id)
