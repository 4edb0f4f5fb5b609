"""What each LLM service of the installed Pipecat reports for the same request, as JSON.

The vendors' usage is in their own forms: a prompt of 1,000 tokens, of which 600 were read from the
cache and 60 written to it, and a reply of 50, of which 20 are reasoning, where the form has it. The
services' own code converts it.
"""

import ast
import asyncio
import importlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pipecat.services
from google.genai import types as google
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseUsage
from pipecat.metrics.metrics import LLMTokenUsage

from cost_analytics_emitter import pipecat_usages

ROOT = Path(pipecat.services.__path__[0])
PROMPT, CACHED, WRITTEN, REPLY, REASONING = 1000, 600, 60, 50, 20
CHAT = CompletionUsage.model_validate(
    {
        "prompt_tokens": PROMPT,
        "completion_tokens": REPLY,
        "total_tokens": PROMPT + REPLY,
        "prompt_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": WRITTEN},
        "completion_tokens_details": {"reasoning_tokens": REASONING},
    }
)
RESPONSE = {
    "input_tokens": PROMPT,
    "output_tokens": REPLY,
    "total_tokens": PROMPT + REPLY,
    "input_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": WRITTEN},
    "output_tokens_details": {"reasoning_tokens": REASONING},
}
REALTIME = {
    "input_tokens": PROMPT,
    "output_tokens": REPLY,
    "total_tokens": PROMPT + REPLY,
    "input_token_details": {
        "cached_tokens": CACHED,
        "text_tokens": 300,
        "audio_tokens": 700,
        "cached_tokens_details": {"text_tokens": 100, "audio_tokens": 500},
    },
    "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
}
GEMINI = {
    "prompt_token_count": PROMPT,
    "cached_content_token_count": CACHED,
    "thoughts_token_count": REASONING,
}
NOVA = {
    "usageEvent": {
        "details": {
            "delta": {
                "input": {"speechTokens": 700, "textTokens": 300},
                "output": {"speechTokens": 40, "textTokens": 10},
            }
        }
    }
}
NET = {
    "prompt_tokens": PROMPT - CACHED - WRITTEN,
    "completion_tokens": REPLY,
    "cache_read_input_tokens": CACHED,
    "cache_creation_input_tokens": WRITTEN,
}


class Reported(BaseException):
    """Ends a service's code once it has reported; services handle exceptions of other kinds."""

    def __init__(self, tokens: LLMTokenUsage) -> None:
        self.tokens = tokens


def classes() -> dict[str, tuple[Path, set[str]]]:
    """Return the file of each LLM service, and the names of all that it extends."""
    bases: dict[str, tuple[Path, list[str]]] = {}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                names = [ast.unparse(base).partition("[")[0] for base in node.bases]
                bases[node.name] = (path, names)

    def ancestors(name: str) -> set[str]:
        _, direct = bases.get(name, (ROOT, []))
        return {*direct}.union(*map(ancestors, direct))

    found = {name: (path, ancestors(name)) for name, (path, _) in bases.items()}
    return {
        name: (path, above)
        for name, (path, above) in found.items()
        if "LLMService" in above and not name.startswith(("_", "Base", "Websocket"))
    }


def load(name: str, path: Path) -> Any:
    """Return a service without a connection, which ends what it does with what it reports."""
    module = "pipecat.services." + ".".join(path.relative_to(ROOT).with_suffix("").parts)
    kind = getattr(importlib.import_module(module), name)

    async def report(_: object, tokens: LLMTokenUsage) -> None:
        raise Reported(tokens)

    async def nothing(*_: object, **__: object) -> None:
        """Stand for the pipeline around the service."""

    quiet = {"push_frame": nothing, "start_ttfb_metrics": nothing, "stop_ttfb_metrics": nothing}
    own: Any = type(name, (kind,), {"start_llm_usage_metrics": report, **quiet})
    service = own.__new__(own)
    vars(service).update(_response_create_owed=False, _settings=None)
    return service


def values(fields: dict[str, Any]) -> Any:
    """Return an object with these attributes; all others are None."""
    return type("Values", (), {"__getattr__": lambda *_: None, **fields})()


def realtime_event(service: Any) -> Any:
    """Return `response.done` with the service's own type of usage."""
    package = type(service).__mro__[1].__module__.rpartition(".")[0]
    if package.startswith("pipecat.services.azure.realtime"):
        package = "pipecat.services.openai.realtime"
    events = importlib.import_module(f"{package}.events")
    form = getattr(events, "Usage", None) or events.TokenUsage
    usage = form.model_validate(REALTIME)
    return values({"usage": usage, "response": values({"usage": usage})})


class Chunks:
    """The stream of a chat completion, of which one chunk has the usage."""

    async def __aenter__(self) -> None:
        """Open nothing."""

    async def __aexit__(self, *_: object) -> None:
        """Close nothing."""

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        fields = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        usage = CHAT.model_dump()
        yield ChatCompletionChunk.model_validate({**fields, "choices": [], "usage": usage})


async def sambanova(service: Any) -> None:
    async def completions(_: object) -> Any:
        return Chunks()

    vars(service)["get_chat_completions"] = completions
    await type(service)._process_context.__wrapped__(service, None)


async def gemini(service: Any) -> None:
    async def stream(_: object) -> AsyncIterator[Any]:
        usage = {**GEMINI, "candidates_token_count": REPLY - REASONING}
        yield google.GenerateContentResponse.model_validate({"usage_metadata": usage})

    vars(service)["_stream_response"] = stream
    vars(service)["run_function_calls"] = stream
    await type(service)._process_context.__wrapped__(service, None)


async def gemini_live(service: Any) -> None:
    def audio(tokens: int) -> list[dict[str, Any]]:
        return [{"modality": "AUDIO", "token_count": tokens}]

    usage = {
        **GEMINI,
        "response_token_count": REPLY - REASONING,
        "prompt_tokens_details": audio(700),
        "cache_tokens_details": audio(500),
        "response_tokens_details": audio(25),
    }
    message = google.LiveServerMessage.model_validate({"usage_metadata": usage})
    await service._handle_msg_usage_metadata(message)


async def nova(path: Path) -> None:
    """Run the service's method without its module, whose library needs a newer Python."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "_handle_usage_event":
            scope: dict[str, Any] = {"LLMTokenUsage": LLMTokenUsage}
            exec(compile(ast.Module([node], []), str(path), "exec"), scope)

            async def report(_: object, tokens: LLMTokenUsage) -> None:
                raise Reported(tokens)

            await scope[node.name](values({"start_llm_usage_metrics": report}), NOVA)


async def report(name: str, path: Path, above: set[str]) -> None:
    """Let a service report; raises Reported."""
    if name == "AWSNovaSonicLLMService":
        await nova(path)
        return
    service = load(name, path)
    special: dict[str, Callable[[], Any]] = {
        "SambaNovaLLMService": lambda: sambanova(service),
        "GoogleLLMService": lambda: gemini(service),
        "GeminiLiveLLMService": lambda: gemini_live(service),
        "OpenAILiveLLMService": lambda: service._report_backend_usage({"usage": RESPONSE}),
        "OpenAIResponsesLLMService": lambda: service._report_event_usage(RESPONSE),
        "OpenAIResponsesHttpLLMService": lambda: service._report_usage(
            ResponseUsage.model_validate(RESPONSE)
        ),
        "AnthropicLLMService": lambda: service._report_usage_metrics(**NET),
        "AWSBedrockLLMService": lambda: service._report_usage_metrics(**NET),
    }
    for one in (name, *above):
        if one in special:
            await special[one]()
            return
    if "BaseOpenAILLMService" in above:
        raise Reported(service._token_usage(CHAT))
    if hasattr(service, "_handle_evt_response_done"):
        handle = type(service)._handle_evt_response_done
        await getattr(handle, "__wrapped__", handle)(service, realtime_event(service))


def main() -> None:
    found: dict[str, Any] = {}
    for name, (path, above) in sorted(classes().items()):
        try:
            asyncio.run(report(name, path, above))
            found[name] = None
        except Reported as reported:
            tokens = reported.tokens
            found[name] = {"prompt": tokens.prompt_tokens, "usages": pipecat_usages(tokens)}
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
