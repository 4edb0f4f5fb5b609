"""The comparison with peers: the totals that are expected, the table, the goals."""

from pathlib import Path

import pytest

from bench.events import LoadRecord, make_load, with_repeats
from bench.figures import TimedRun
from bench.machine import CpuUse
from bench.peers.checks import RIGHT, Expected, Findings
from bench.peers.contenders import PEERS
from bench.peers.costs import rows_of
from bench.peers.report import Goals, PeerRun, Row, goals_text, rows_text

NOW_MS = 1_790_000_000_000


def timed(rate: int, cpu_us: float = 10, findings: Findings = RIGHT) -> PeerRun:
    """Return a run of a million events."""
    used = CpuUse({"Python": cpu_us, "PostgreSQL": 5.0, "broker": 1.0}, 2)
    return PeerRun(TimedRun(1_000_000, 1_000_000 / rate, cpu=used), findings)


def rows(ours: int, plain: int = 50_000, faust: int = 5_000) -> dict[str, Row]:
    return {
        "ours": Row([timed(ours)]),
        "plain": Row([timed(plain)], "alerts"),
        "Faust": Row([timed(faust)]),
    }


GOALS = Goals("ours", "Faust", ["plain", "Faust"])


def test_repeated_events_are_expected_once() -> None:
    load = make_load(1, 300, NOW_MS)
    repeated = with_repeats(load.measured, 20, 1)
    assert len(repeated) > len(load.measured)
    assert Expected.of(repeated) == Expected.of(load.measured)
    expected = Expected.of(load.measured)
    assert expected.events == 300 == sum(total.events for total in expected.calls.values())
    cost = sum(row.cost_nano for row in rows_of(record.value for record in load.measured))
    assert cost == sum(total.cost_nano for total in expected.user_days.values()) > 0


def test_a_deleted_record_has_no_row() -> None:
    record = LoadRecord(0, b"user", b"")
    assert Expected.of([record]).events == 0


def test_table_shows_what_a_peer_loses_doubles_and_does_not_promise() -> None:
    bad = Findings(lost=7, doubled=1_200, wrong_totals=3)
    shown = rows_text({"plain": Row([timed(40_000), timed(50_000, findings=bad)], "alerts")})
    cells = [cell.strip() for cell in shown[-1].strip("|").split("|")]
    assert cells == [
        "plain", "45,000 (40,000 to 50,000)", "10.0 / 5.0 / 1.0", "16", "7", "1,200", "3", "alerts",
    ]  # fmt: skip


def test_an_unfinished_run_has_no_rate_and_is_shown() -> None:
    lost = PeerRun(None, Findings(90, 0, 4))
    assert "none; 1 of 1 runs not finished" in rows_text({"plain": Row([lost])})[-1]
    shown = rows_text({"plain": Row([lost, timed(40_000)])})[-1]
    assert "40,000; 1 of 2 runs not finished" in shown
    assert " 90 " in shown


@pytest.mark.parametrize(
    ("ours", "verdicts"),
    [(100_000, ["reached", "reached"]), (99_000, ["missed", "reached"]), (9_000, ["missed"] * 2)],
)
def test_goals_compare_with_the_fastest_peer_and_with_faust(ours: int, verdicts: list[str]) -> None:
    lines = goals_text(rows(ours), GOALS)
    assert [line.rstrip(".").rsplit(" ", 1)[1] for line in lines] == verdicts
    assert "(plain)" in lines[0]
    assert "(Faust)" in lines[1]


def test_without_a_finished_peer_no_goal_is_judged() -> None:
    unfinished = Row([PeerRun(None, RIGHT)])
    found = {"ours": Row([timed(9)]), "plain": unfinished, "Faust": unfinished}
    assert len(goals_text(found, GOALS)) == 1


def test_peers_have_different_titles_and_state_what_is_missing() -> None:
    assert len({peer.title for peer in PEERS}) == len(PEERS)
    assert all(peer.missing for peer in PEERS)


def test_processes_of_a_cluster_get_the_addresses_of_all(tmp_path: Path) -> None:
    peer = next(peer for peer in PEERS if peer.clustered)
    first, second = peer.commands(tmp_path)
    assert str(tmp_path) in first
    assert first[-1] == second[-1]
    assert len(first[-1].split(";")) == 2
    assert (first[-3], second[-3]) == ("0", "1")
