"""Keys that were revoked after a backup are named after its restore, until they are compared."""

from pathlib import Path

from cost_analytics.diagnosis.check_result import CheckResult
from cost_analytics.diagnosis.database_checks import check_keys
from ledger.operations.api_keys import ApiKey, add_key, list_keys, revoke_key
from ledger.operations.verification import rebuild
from ledger.postgres.database import connected
from tests.integration.recovery.test_backup import run
from tests.support.logins import as_login


async def add(url: str, service: str) -> int:
    async with connected(url, name="test") as connection:
        _, key = await add_key(connection, service, ["ingest"], created_by="root")
    return key.key_id


async def revoke(url: str, key_id: int) -> None:
    async with connected(url, name="test") as connection:
        assert await revoke_key(connection, key_id, revoked_by="root") is not None


async def active(url: str) -> dict[int, ApiKey]:
    async with connected(url, name="test") as connection:
        return {key.key_id: key for key in await list_keys(connection) if key.revoked_at is None}


async def diagnosed(url: str) -> list[CheckResult]:
    """Return what `doctor` finds about keys."""
    async with connected(url, name="test") as connection:
        return await check_keys(connection)


async def test_restored_keys_are_named_until_they_are_revoked_or_confirmed(
    database_url: str, tmp_path: Path
) -> None:
    leaked, kept = await add(database_url, "leaked-bot"), await add(database_url, "kept-bot")
    dump = tmp_path / "ledger.dump"
    assert run(database_url, "backup", "--to", dump).returncode == 0
    await revoke(database_url, leaked)
    assert await diagnosed(database_url) == []

    restored = run(database_url, "restore", dump, "--replace")
    assert restored.returncode == 0, restored.stderr
    keys = await active(database_url)
    assert set(keys) == {leaked, kept}, "the restore undoes the revocation"
    for key in keys.values():
        assert f"{key.key_id}  {key.hint}…  {key.service}" in restored.stdout
    assert "keys confirm ID" in restored.stdout
    operator = as_login(database_url, "operator")
    [result] = await diagnosed(operator)
    assert (result.state, result.subject) == ("warning", "keys")
    assert f"2 keys may have been revoked before a restore: {leaked} (leaked-bot), " in result.found
    assert "keys confirm ID" in result.remedy
    listed = run(operator, "keys", "list").stdout
    assert listed.count("perhaps revoked before a restore") == 2

    later = await add(database_url, "later-bot")
    assert run(operator, "keys", "confirm", str(kept)).stdout == f"Key {kept} is confirmed.\n"
    [result] = await diagnosed(operator)
    assert f"1 key may have been revoked before a restore: {leaked} (leaked-bot)" in result.found
    assert run(operator, "keys", "revoke", str(leaked)).returncode == 0
    assert await diagnosed(operator) == []
    assert set(await active(database_url)) == {kept, later}

    refused = run(operator, "keys", "confirm", str(leaked))
    assert refused.returncode == 1
    assert f"There is no active key {leaked}." in refused.stderr

    again = run(database_url, "restore", dump, "--replace")
    assert again.stdout.count("created by root") == 2, "a confirmation is of one restore"


async def test_recovery_asks_for_a_confirmation_and_a_rebuild_does_not(database_url: str) -> None:
    key_id = await add(database_url, "bot")
    await rebuild(database_url)
    assert await diagnosed(database_url) == []
    raised = run(database_url, "epoch", "raise", "--reason", "recovered to 12:00")
    assert f"  {key_id}  " in raised.stdout
    assert [result.state for result in await diagnosed(database_url)] == ["warning"]


async def test_keys_are_not_checked_with_the_login_of_a_worker(database_url: str) -> None:
    await add(database_url, "bot")
    assert run(database_url, "epoch", "raise", "--reason", "recovered to 12:00").returncode == 0
    [result] = await diagnosed(as_login(database_url, "worker"))
    assert (result.state, result.remedy) == ("skipped", "set OPERATOR_DATABASE_URL")
