"""A connection of the real OTLP exporter that loses answers, and sends spans again regrouped.

It needs OpenTelemetry's exporter, so it runs in the environment of the voice frameworks.
"""

import base64
import gzip
import json
import random
from typing import Any

import requests
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROTOBUF, JSON = "application/x-protobuf", "application/json"
LOST_MAX = 4
IDS = ("traceId", "spanId", "parentSpanId")


def as_json(request: ExportTraceServiceRequest) -> bytes:
    """Return OTLP/JSON, whose ids are hexadecimal digits."""
    plain: dict[str, Any] = json_format.MessageToDict(request)
    for resource_spans in plain.get("resourceSpans", ()):
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                for name in IDS:
                    if name in span:
                        span[name] = base64.b64decode(span[name]).hex()
    return json.dumps(plain).encode()


class LossySession(requests.Session):
    """Loses the answer to some requests, after the product has accepted them."""

    def __init__(self, encoding: str, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.encoding = encoding
        self.sent: list[ExportTraceServiceRequest] = []
        self.lost = self.exported = self.requests = 0
        self.refused: list[str] = []

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        body = request.body
        assert isinstance(body, bytes)
        plain = gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body
        message = ExportTraceServiceRequest.FromString(plain)
        if self.encoding == "json":
            text = gzip.compress(as_json(message))
            request.prepare_body(text, None)
            request.headers["Content-Type"] = JSON
            request.headers["Content-Encoding"] = "gzip"
        response = super().send(request, **options)
        self.requests += 1
        self._note(response)
        self.sent.append(message)
        if self.lost < LOST_MAX and self.chance.random() < 0.5:
            self.lost += 1
            if self.lost % 2:
                raise requests.ConnectionError("the answer was lost")
            response.status_code = 503
        return response

    def send_again(self, url: str, token: str) -> None:
        """Send all spans twice more in other groups and in another order, in both encodings."""
        for _ in range(2):
            singles = [one for request in self.sent for one in _singles(request)]
            self.chance.shuffle(singles)
            while singles:
                size = self.chance.randint(1, 9)
                group = ExportTraceServiceRequest()
                for one in singles[:size]:
                    group.MergeFrom(one)
                singles = singles[size:]
                kind = self.chance.choice([PROTOBUF, JSON])
                body = as_json(group) if kind == JSON else group.SerializeToString()
                headers = {"Content-Type": kind, "Authorization": f"Bearer {token}"}
                response = requests.post(url, body, headers=headers, timeout=10)
                assert response.status_code == 200, response.text
                self.requests += 1
                self._note(response)

    def _note(self, response: requests.Response) -> None:
        if response.status_code != 200 or b"refused" in response.content:
            self.refused.append(f"{response.status_code} {response.content.decode()}")


def _singles(request: ExportTraceServiceRequest) -> list[ExportTraceServiceRequest]:
    """Return the spans of a request, each as a request of its own."""
    found = []
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                one = ExportTraceServiceRequest()
                group = one.resource_spans.add()
                group.resource.CopyFrom(resource_spans.resource)
                scope = group.scope_spans.add()
                scope.scope.CopyFrom(scope_spans.scope)
                scope.spans.add().CopyFrom(span)
                found.append(one)
    return found
