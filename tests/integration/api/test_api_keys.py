"""Keys of services: administrators create and revoke them, and each permits its scopes only."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any, cast

import asyncpg
import pytest

from api.app import build_app
from api.http.access import ROUTES, Access, Route
from cost_analytics.cli import main
from ledger.operations.api_keys import ACTIVE_KEYS_MAX
from ledger.postgres.pool import Pool
from ledger.postgres.rights import RIGHTS
from ledger.postgres.viewers import ReaderPool, Viewer
from schemas.api_keys import SCOPES, KeyScope
from tests.support.api import ApiClient, ApiResponse, authenticator, served_from, token
from tests.support.attacks import AttackRecorder
from tests.support.events import cost
from tests.support.foreign_user import ANOMALY, CALL, USER, shows_foreign_data, write_foreign_user
from tests.support.intake import EVENTS, MemoryEventStream
from tests.support.live import ago
from tests.support.logins import SIGNER
from tests.support.recording import fetch

KEYS = "/api/admin/keys"
ROOT = token("root", role="admin")
ALL = build_app(ReaderPool(cast(Pool, None)), authenticator())[ROUTES]
GUARDED = [route for route in ALL if route.access not in {Access.ANYONE, Access.SIGNED}]
RESERVING = {
    "/api/costs/user/{userId}/authorize",
    "/api/costs/call/{callId}/reserve",
    "/api/costs/call/{callId}/provider",
}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    await write_foreign_user(database_url)
    async with served_from(database_url, events=MemoryEventStream()) as api:
        yield api


async def make(api: ApiClient, *scopes: KeyScope, service: str = "voice-bot") -> dict[str, Any]:
    """Return a new key with its item."""
    body = {"service": service, "scopes": scopes}
    made: dict[str, Any] = (await api.ask("POST", KEYS, bearer=ROOT, body=body)).data
    return made


async def use(api: ApiClient, key: str, source: str = "/bot") -> ApiResponse:
    """Send an event with a key."""
    plain = cost(source=source, time=ago(seconds=5))
    body = {**plain, "time": plain["time"].isoformat()}
    return await api.ask("POST", EVENTS, bearer=key, body=body)


def scope_of(route: Route) -> KeyScope | None:
    """Return the scope that a route needs: the rule, independently of the code that decides."""
    if route.access is Access.EMITTER:
        return "reserve" if route.path in RESERVING else "ingest"
    if route.access in {Access.SELF, Access.OWNER} and route.method == "GET":
        return None if "/channels" in route.path else "read"
    return None


async def test_key_is_shown_once_and_stored_as_a_digest(api: ApiClient, database_url: str) -> None:
    made = await make(api, "ingest", "read")
    assert re.fullmatch(r"cak_[A-Za-z0-9_-]{43}", made["key"])
    assert made["item"]["hint"] == made["key"][:8]
    listed = (await api.ask("GET", KEYS, bearer=ROOT)).data["keys"]
    assert listed == [made["item"]]
    assert (listed[0]["service"], listed[0]["scopes"]) == ("voice-bot", ["ingest", "read"])
    assert listed[0]["createdBy"] == "admin root"
    [row] = await fetch(database_url, "SELECT k::text, length(digest) AS size FROM api_keys AS k")
    assert made["key"][8:] not in row["k"]
    assert row["size"] == 32


async def test_revoked_key_is_refused_on_every_replica_within_a_second(
    api: ApiClient, database_url: str
) -> None:
    made = await make(api, "ingest")
    async with served_from(database_url, events=MemoryEventStream()) as replica:
        assert (await use(api, made["key"])).status == 202
        assert (await use(replica, made["key"])).status == 202
        path = f"{KEYS}/{made['item']['id']}"
        revoked = (await api.ask("DELETE", path, bearer=ROOT)).data
        assert revoked["revokedBy"] == "admin root"
        await asyncio.sleep(1)
        for one in (api, replica):
            refused = await use(one, made["key"])
            assert (refused.status, refused.code) == (401, "unauthorized")
    again = (await api.ask("DELETE", path, bearer=token("other", role="admin"))).data
    names = ("revokedBy", "revokedAt")
    assert [again[name] for name in names] == [revoked[name] for name in names]
    assert (await api.ask("DELETE", f"{KEYS}/999", bearer=ROOT)).status == 404
    assert (await api.ask("DELETE", f"{KEYS}/x", bearer=ROOT)).status == 400


async def test_each_route_permits_keys_of_its_scope_only(
    api: ApiClient, record_attack: AttackRecorder
) -> None:
    keys = {scope: (await make(api, scope))["key"] for scope in SCOPES}
    attempts = refused = 0
    for route in GUARDED:
        for scope, key in keys.items():
            path = route.path.replace("{userId}", USER).replace("{callId}", CALL)
            path = re.sub(r"\{\w+\}", "1", path.replace("{anomalyId}", ANOMALY))
            body: Any = {} if route.method in {"PUT", "POST"} else None
            response = await api.ask(route.method, path, bearer=key, body=body)
            is_refused = response.status == 403 and response.code == "forbidden"
            if scope == scope_of(route):
                assert not is_refused, (route, scope)
                assert response.status != 401, (route, scope)
            else:
                attempts += 1
                refused += is_refused and not shows_foreign_data(response.body)
    assert attempts > 60
    record_attack("keys: routes of another scope", attempts=attempts, refused=refused)


async def test_read_key_reads_the_costs_of_every_user(api: ApiClient) -> None:
    key = (await make(api, "read"))["key"]
    response = await api.ask("GET", f"/api/costs/call/{CALL}", bearer=key)
    assert shows_foreign_data(response.body)
    assert (await api.ask("GET", "/api/costs/call/unknown", bearer=key)).code == "forbidden"
    assert (await use(api, key)).code == "forbidden"


async def test_sources_belong_to_the_service_of_the_key(api: ApiClient) -> None:
    """A second key of the service, and a token of its name, may use the same sources."""
    first, second = [(await make(api, "ingest"))["key"] for _ in range(2)]
    other = (await make(api, "ingest", service="other"))["key"]
    for bearer in (first, second, token("voice-bot", role="service")):
        assert (await use(api, bearer)).status == 202
    assert (await use(api, other)).code == "foreign_source"


async def test_invalid_keys_are_refused(api: ApiClient, record_attack: AttackRecorder) -> None:
    key = (await make(api, "ingest"))["key"]
    swapped = key[:-1] + ("A" if key[-1] != "A" else "B")
    invalid = [swapped, key[:-1], key + "A", key.upper(), key[4:], f"{key}.a.b", "cak_" + "A" * 43]
    answers = [await use(api, one) for one in invalid]
    refused = sum((each.status, each.code) == (401, "unauthorized") for each in answers)
    record_attack("keys: forged", attempts=len(invalid), refused=refused)
    assert (await use(api, key)).status == 202


async def test_only_administrators_make_keys(api: ApiClient, record_attack: AttackRecorder) -> None:
    body = {"service": "mallory", "scopes": ["read"]}
    key = (await make(api, *SCOPES))["key"]
    bearers = [token("mallory"), token("mallory", role="service"), key]
    answers = [
        await api.ask(method, path, bearer=bearer, body=body if method == "POST" else None)
        for bearer in bearers
        for method, path in (("GET", KEYS), ("POST", KEYS), ("DELETE", f"{KEYS}/1"))
    ]
    refused = sum((each.status, each.code) == (403, "forbidden") for each in answers)
    record_attack("keys: made or read by others", attempts=len(answers), refused=refused)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"service": "bot", "scopes": []}, "scopes"),
        ({"service": "bot", "scopes": ["admin"]}, "scopes"),
        ({"service": "", "scopes": ["read"]}, "service"),
        ({"service": "a\0b", "scopes": ["read"]}, "service"),
        ({"scopes": ["read"]}, "service"),
    ],
)
async def test_invalid_requests_name_the_field(
    api: ApiClient, body: dict[str, Any], named: str
) -> None:
    response = await api.ask("POST", KEYS, bearer=ROOT, body=body)
    assert (response.status, response.code) == (400, "invalid_body")
    assert named in response.json["error"]


async def test_active_keys_of_a_service_are_limited(api: ApiClient, database_url: str) -> None:
    await fetch(
        database_url,
        """INSERT INTO api_keys (digest, hint, service, scopes, created_by)
           SELECT sha256(n::text::bytea), 'x', 'voice-bot', '{read}', 'test' FROM generate_series(1, $1) AS n
           RETURNING key_id""",
        ACTIVE_KEYS_MAX,
    )
    body = {"service": "voice-bot", "scopes": ["read"]}
    refused = await api.ask("POST", KEYS, bearer=ROOT, body=body)
    assert "Revoke one first" in refused.json["error"]
    listed = (await api.ask("GET", KEYS, bearer=ROOT)).data["keys"]
    await api.ask("DELETE", f"{KEYS}/{listed[0]['id']}", bearer=ROOT)
    assert (await api.ask("POST", KEYS, bearer=ROOT, body=body)).status == 200


async def test_database_hides_keys_from_all_but_administrators(
    api: ApiClient, database_url: str
) -> None:
    """Even a statement of an attacker, in the API's transaction for a user, makes no key."""
    await make(api, "read")
    insert = """INSERT INTO api_keys (digest, hint, service, scopes, created_by)
                VALUES (sha256('mine'), 'x', 'mallory', '{read}', 'x')"""
    connection = await asyncpg.connect(database_url)

    async def run(viewer: Viewer, statement: str) -> Any:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {RIGHTS['api']}")
            signed = SIGNER.sign(viewer)
            await connection.execute("SELECT set_config('cost_analytics.viewer', $1, true)", signed)
            return await connection.fetch(statement)

    root, mallory = Viewer("root", reads_all=True), Viewer("mallory")
    try:
        assert len(await run(root, "SELECT hint FROM api_keys")) == 1
        assert await run(mallory, "SELECT hint FROM api_keys") == []
        for viewer, statement in (
            (mallory, insert),
            (root, "SELECT digest FROM api_keys"),
            (root, "UPDATE api_keys SET service = 'mallory'"),
            (root, "DELETE FROM api_keys"),
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(viewer, statement)
    finally:
        await connection.close()


async def test_operators_make_and_revoke_keys(
    api: ApiClient,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)

    async def run(*words: str) -> str:
        assert await asyncio.to_thread(main, ["keys", *words]) == 0
        return capsys.readouterr().out

    assert await run("list") == "No keys.\n"
    key = (await run("create", "--service", "voice-bot", "--scope", "ingest")).strip()
    assert (await use(api, key)).status == 202
    listed = await run("list")
    assert f"{key[:8]}…  voice-bot  ingest  created by operator" in listed
    assert key not in listed
    assert "is revoked" in await run("revoke", listed.split()[0])
    await asyncio.sleep(1)
    assert (await use(api, key)).status == 401
    assert "revoked 20" in await run("list")
    assert await asyncio.to_thread(main, ["keys", "revoke", "999"]) != 0
    assert "There is no key 999" in capsys.readouterr().err
