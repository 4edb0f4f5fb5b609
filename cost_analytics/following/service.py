"""Composes the follower of a command."""

from __future__ import annotations

import asyncio

from api.mapping.language import DocumentMapping
from cost_analytics.configuration.intake_section import IntakeSection
from cost_analytics.following.batches import BatchReader
from cost_analytics.following.follower import FollowCounts, FollowOptions, LogFollower
from cost_analytics.following.intake_client import IntakeClient
from cost_analytics.following.state_file import locked


async def follow(
    options: FollowOptions,
    mapping: DocumentMapping,
    source: str,
    intake: IntakeSection,
    stop: asyncio.Event,
) -> FollowCounts:
    """Follow until stopped, or once; raises CommandError."""
    with locked(options.state):
        async with IntakeClient(intake.url, intake.token, stop) as client:
            follower = LogFollower(options, BatchReader(mapping, source), client, stop)
            await follower.run()
            return follower.counts
