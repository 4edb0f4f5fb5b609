"""Reads `GET /metrics` as a scraper does."""

from collections.abc import Iterator
from typing import TypeAlias

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.support.api import ApiClient, ApiResponse

Labels: TypeAlias = tuple[tuple[str, str], ...]

FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class Scrape:
    """The samples of one answer, by name and labels."""

    def __init__(self, response: ApiResponse) -> None:
        assert response.status == 200, response.body
        assert response.headers["Content-Type"] == FORMAT
        assert response.headers["Cache-Control"] == "no-store"
        self.text = response.body.decode()
        self.samples = list(_samples(self.text))
        self._values = {(each.name, _labels(each)): each.value for each in self.samples}
        assert len(self._values) == len(self.samples), "a sample is repeated"

    @property
    def names(self) -> set[str]:
        return {each.name for each in self.samples}

    def __getitem__(self, name: str) -> float:
        """Return the value of a sample without labels."""
        return self._values[name, ()]

    def labelled(self, name: str, **labels: str) -> float:
        """Return the value of a sample with exactly these labels."""
        return self._values[name, tuple(sorted(labels.items()))]

    def of(self, name: str) -> dict[Labels, float]:
        """Return all samples of a name."""
        return {labels: value for (known, labels), value in self._values.items() if known == name}


def _samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        assert family.type != "unknown", family.name
        yield from family.samples


def _labels(sample: Sample) -> Labels:
    return tuple(sorted(sample.labels.items()))


async def scrape(api: ApiClient) -> Scrape:
    """Read the metrics."""
    return Scrape(await api.get("/metrics"))
