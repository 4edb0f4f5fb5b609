"""An object in a storage is whole or absent, whatever fails during its upload."""

import io
import os
from datetime import timedelta

import pytest

from cost_analytics import object_storage
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.storage_section import StorageSection
from cost_analytics.failures import CommandError
from cost_analytics.object_storage import Folder, upload
from tests.support import parts
from tests.support.object_storage import (
    BUCKET,
    KEY_ID,
    SECRET_KEY,
    FailingStorage,
    Fault,
    ObjectStorage,
    RequestKind,
)

PART = 5 * 1024 * 1024
LARGE, SMALL = os.urandom(2 * PART + 1000), b"a,b\n1,2\n"
EARLIER = b"the export of yesterday"
TO = Folder(BUCKET, "finops/focus")
RETRIES = {"max_retries": 4, "backoff": {"init_backoff": timedelta(milliseconds=20)}}
KINDS: tuple[RequestKind, ...] = ("put", "create", "part", "complete")
FAULTS: tuple[Fault, ...] = (503, "cut", "lost")
NAME = "focus.csv"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send files above 5 MiB in parts."""
    monkeypatch.setattr(object_storage, "PART_BYTES_MIN", PART)


def section(endpoint: str, key_id: str = KEY_ID, secret_key: str = SECRET_KEY) -> StorageSection:
    return StorageSection(
        general_endpoint=endpoint, key_id=Secret(key_id), secret_key=Secret(secret_key)
    )


async def send(content: bytes, endpoint: str, to: Folder = TO) -> str:
    return await upload(
        io.BytesIO(content), len(content), to, NAME, section(endpoint), retries=RETRIES
    )


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
async def test_uploaded_object_is_the_file(storage: ObjectStorage, content: bytes) -> None:
    assert await send(content, storage.endpoint) == f"s3://{BUCKET}/finops/focus/{NAME}"
    assert storage.objects() == {f"finops/focus/{NAME}": content}
    await send(EARLIER, storage.endpoint, Folder(BUCKET, ""))
    await send(SMALL, storage.endpoint, Folder(BUCKET, ""))
    assert storage.objects()[NAME] == SMALL


async def test_each_failing_request_is_repeated(storage: ObjectStorage) -> None:
    failed = whole = 0
    for kind in KINDS:
        content = SMALL if kind == "put" else LARGE
        for fault in FAULTS:

            def fails_once(asked: RequestKind, number: int) -> Fault | None:
                return fault if asked == kind and number == 1 else None

            storage.clear()
            async with FailingStorage(storage.endpoint, fails_once).running() as proxy:
                await send(content, proxy.endpoint)
            failed += sum(fault is not None for _, fault in proxy.requests)
            whole += storage.objects() == {f"finops/focus/{NAME}": content}
    parts.figures.append(f"object storage: {failed} requests failed once, {whole} objects whole")
    assert failed == whole == len(KINDS) * len(FAULTS)


@pytest.mark.parametrize("kind", KINDS)
async def test_permanent_failure_leaves_the_earlier_object(
    storage: ObjectStorage, kind: RequestKind
) -> None:
    await send(EARLIER, storage.endpoint)
    content = SMALL if kind == "put" else LARGE

    def fails_always(asked: RequestKind, number: int) -> Fault | None:
        return 503 if asked == kind else None

    async with FailingStorage(storage.endpoint, fails_always).running() as proxy:
        with pytest.raises(CommandError, match=r"was not written: .* answered 503, and still"):
            await send(content, proxy.endpoint)
    assert storage.objects() == {f"finops/focus/{NAME}": EARLIER}
    assert storage.parts() == 0
    is_aborted = ("abort", None) in proxy.requests
    assert is_aborted is (kind in {"part", "complete"})


@pytest.mark.parametrize(
    ("given", "bucket", "reason"),
    [
        ({"secret_key": "a-wrong-secret"}, BUCKET, "SignatureDoesNotMatch: .*; check AWS_ACCESS_KEY_ID"),
        ({"key_id": "nobody"}, BUCKET, "InvalidAccessKeyId: .*; check AWS_ACCESS_KEY_ID"),
        ({}, "another-bucket", "NoSuchBucket: .*; create the bucket first"),
        ({"endpoint": "http://127.0.0.1:1"}, BUCKET, "127.0.0.1:1 cannot be reached"),
    ],
)  # fmt: skip
async def test_refusal_is_a_clear_error_without_secrets(
    storage: ObjectStorage, given: dict[str, str], bucket: str, reason: str
) -> None:
    of_storage = section(**{"endpoint": storage.endpoint, **given})
    with pytest.raises(CommandError, match=reason) as raised:
        await upload(io.BytesIO(SMALL), len(SMALL), Folder(bucket, ""), NAME, of_storage, RETRIES)
    for secret in (SECRET_KEY, "a-wrong-secret", "Signature=", "StringToSign"):
        assert secret not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert storage.objects() == {}
