"""Names of Pipecat's services as the price catalogue has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cost_analytics_emitter.service_names import service_of

_PACKAGES: Final = ("pipecat.services.", "pipecat.classifiers.")
_FOLDERS: Final[Mapping[str, str]] = {"grok": "x-ai"}
"""Folders in Pipecat that have another name than their vendor."""
_SUFFIXES: Final = ("LLMService", "TTSService", "STTService", "Service")


def name_of_host(service: str, host: str | None) -> str:
    """Return the vendor behind an address, if it is known and the service is OpenAI's client."""
    if service != "openai" or not host:
        return service
    named = service_of(host)
    return service if named == host else named


def service_name(of: type, given: Mapping[str, str]) -> str:
    """Return the catalogue's name of the vendor of a service class.

    A name in `given`, for the class or for one that it extends, is used first. A class of Pipecat,
    or one that extends it, has the name of its package: `pipecat.services.openai.llm` is `openai`.
    Any other class has its own name, without `LLMService`.
    """
    for one in of.__mro__:
        if one.__name__ in given:
            return given[one.__name__]
    for one in of.__mro__:
        for package in _PACKAGES:
            folder, _, module = one.__module__.removeprefix(package).partition(".")
            if one.__module__.startswith(package) and module:
                return _FOLDERS.get(folder) or service_of(folder)
    return name_of_class(of.__name__)


def name_of_class(name: str) -> str:
    """Return a service's name from the name of its class or processor: `AcmeLLMService#0`."""
    bare = name.partition("#")[0]
    for suffix in _SUFFIXES:
        if bare.endswith(suffix) and bare != suffix:
            bare = bare.removesuffix(suffix)
            break
    return bare.lower()
