"""Small Pipecat pipelines of scripted services, each observed for one call."""

from collections.abc import Awaitable, Callable
from typing import Any

from pipecat.frames.frames import LLMContextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext

from cost_analytics_emitter import Emitter
from cost_analytics_emitter.pipecat import CostObserver
from tests.support.pipecat_conversation import openai_usage, run_worker
from tests.support.pipecat_vendors import Recorder, Reply, ScriptedOpenAI

QUESTION = "What is the capital of France?"
REPORTING = PipelineParams(enable_usage_metrics=True)


class Bot:
    """A pipeline of some services, observed for one call."""

    def __init__(
        self,
        emitter: Emitter,
        *services: Any,
        params: PipelineParams = REPORTING,
        user: str = "alice",
        **more: Any,
    ) -> None:
        self.observer = CostObserver(emitter, user=user, services={"ScriptedVoice": "elevenlabs"})
        self.services = services
        self.worker = PipelineWorker(
            Pipeline([*services]), params=params, observers=[self.observer], **more
        )

    async def ask(self) -> None:
        context = LLMContext([{"role": "user", "content": QUESTION}])
        await self.worker.queue_frame(LLMContextFrame(context))

    async def run(self, talk: Callable[[], Awaitable[None]] | None = None) -> CostObserver:
        """Run `talk`, or ask once and hang up."""
        await run_worker(self.worker, talk or self._ask_once)
        return self.observer

    async def _ask_once(self) -> None:
        await self.ask()
        await self.worker.flush_pipeline()
        await self.worker.stop_when_done()


def model(*replies: Reply, base_url: str | None = None) -> ScriptedOpenAI:
    return ScriptedOpenAI("gpt-4-turbo", [*replies], Recorder(), base_url)


def simple(prompt: int = 100) -> Reply:
    return Reply(["Paris."], openai_usage(prompt, 3))
