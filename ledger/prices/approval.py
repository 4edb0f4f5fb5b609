"""Decides price proposals: an approved one enters the catalogue in the same transaction."""

from __future__ import annotations

from ledger.postgres.database import Connection, in_transaction
from ledger.prices.entry import PriceConflictError, add_prices
from ledger.prices.proposals import (
    Decision,
    Proposal,
    lock_proposal,
    read_proposal,
    replace_known,
    store_decision,
)


async def decide(
    connection: Connection, proposal_id: int, decision: Decision, *, decided_by: str
) -> Proposal:
    """Approve a proposal, which adds its price to the catalogue, or reject it.

    Other proposals of the approved price are replaced. Repeating a decision changes nothing. Raises
    NoProposalError, and PriceConflictError for a different decision or if the catalogue has another
    price by now.
    """
    async with in_transaction(connection):
        proposal = await lock_proposal(connection, proposal_id)
        if proposal.state == decision:
            return proposal
        if proposal.state != "pending":
            raise PriceConflictError([f"it is already {proposal.state}"])
        if decision == "approved":
            by = f"{proposal.set_by}, approved by {decided_by}"
            await add_prices(connection, [proposal.row], set_by=by)
        await store_decision(connection, proposal_id, decision, decided_by)
        if decision == "approved":
            await replace_known(connection, [proposal.row], decided_by)
        return await read_proposal(connection, proposal_id)
