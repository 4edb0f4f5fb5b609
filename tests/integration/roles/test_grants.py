"""Every table has listed grants, and no role has any others."""

import pytest

from ledger.postgres.migration_files import migrations
from ledger.postgres.rights import RIGHTS, VIEWER, without_roles
from ledger.postgres.statements import statements
from tests.support.attacks import AttackRecorder
from tests.support.recording import fetch

GRANTS, SQL = statements("postgres/grants"), statements("postgres/rights")

_HELD = """
    SELECT c.relname, a.privilege_type
    FROM pg_class AS c, aclexplode(c.relacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND r.rolname = $1
"""
_POLICIES = """
    SELECT tablename, policyname FROM pg_policies
    WHERE NOT roles && ARRAY['cost_analytics_viewer', 'cost_analytics_api_rights',
                             'cost_analytics_figures']::name[]
      AND policyname <> 'previous_release' AND tablename <> 'live_tickets'
"""
_OPEN = """
    SELECT DISTINCT c.relname FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'user_id'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND NOT c.relrowsecurity
      AND (has_any_column_privilege('cost_analytics_api_rights', c.oid, 'SELECT')
           OR has_any_column_privilege('cost_analytics_reports', c.oid, 'SELECT'))
"""


async def test_each_table_has_listed_grants(database_url: str) -> None:
    present = {row["relname"] for row in await fetch(database_url, SQL["relations"])}
    decided = [row["relation"] for row in await fetch(database_url, GRANTS["of_tables"])]
    assert len(decided) == len(set(decided))
    undecided = sorted(present - set(decided))
    assert not undecided, (
        f"No rights are decided for {', '.join(undecided)}: add a row to ledger/postgres/grants.sql "
        "that says what each process may do with it (`-` for nothing)."
    )
    gone = sorted(set(decided) - present)
    assert not gone, (
        f"ledger/postgres/grants.sql lists {', '.join(gone)}, which no migration makes."
    )


@pytest.mark.parametrize("column", RIGHTS)
async def test_roles_hold_only_listed_privileges(
    database_url: str, column: str, record_attack: AttackRecorder
) -> None:
    names = {"SELECT": "S", "INSERT": "I", "UPDATE": "U", "DELETE": "D"}
    held: dict[str, set[str]] = {}
    for relation, privilege in await fetch(database_url, _HELD, RIGHTS[column]):
        held.setdefault(relation, set()).add(names.get(privilege, privilege))
    listed = {
        row["relation"]: set(row[column])
        for row in await fetch(database_url, GRANTS["of_tables"])
        if row[column] != "-"
    }
    assert held == listed
    rights = sum(map(len, held.values()))
    record_attack(f"database: rights of {column}, compared", attempts=rights, refused=rights)


async def test_user_tables_have_row_policies(
    database_url: str,
) -> None:
    unguarded = [row[0] for row in await fetch(database_url, _OPEN)]
    assert not unguarded, (
        f"The API may read {', '.join(unguarded)} without a row policy: in a migration, "
        "ENABLE ROW LEVEL SECURITY and CREATE POLICY … TO cost_analytics_viewer "
        "USING (user_id = (SELECT viewer()) OR (SELECT reads_all()))."
    )
    others = [" ".join(row) for row in await fetch(database_url, _POLICIES)]
    assert not others, f"These policies hold for other roles than {VIEWER}: {', '.join(others)}"


def test_first_migration_creates_no_role() -> None:
    assert "CREATE ROLE" in migrations()[0].text
    assert "CREATE ROLE" not in without_roles(migrations()[0].text)
    assert "TO CURRENT_USER" not in without_roles(migrations()[0].text)
