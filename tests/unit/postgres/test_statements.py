"""Named parameters of statements are numbered when a file is loaded."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from ledger.postgres.statements import Statement, Statements, parse, statements, translate


def test_parameters_are_numbered_by_first_appearance() -> None:
    text = "SELECT :late, :early WHERE call_id = ANY (:call_ids) AND at BETWEEN :early AND :late"
    assert translate(text) == Statement(
        "SELECT $1, $2 WHERE call_id = ANY ($3) AND at BETWEEN $2 AND $1",
        ("late", "early", "call_ids"),
    )


def test_names_with_a_common_prefix_are_distinct() -> None:
    assert translate("SELECT :day, :day_2, :days") == Statement(
        "SELECT $1, $2, $3", ("day", "day_2", "days")
    )


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("SELECT :ids::text::bigint[], 1::int", "SELECT $1::text::bigint[], 1::int"),
        ("SELECT ':name', :ids", "SELECT ':name', $1"),
        ("SELECT 'it''s :name', :ids", "SELECT 'it''s :name', $1"),
        (r"SELECT E'it\'s :name', :ids", r"SELECT E'it\'s :name', $1"),
        (r"SELECT 'a\', :ids, ':name'", r"SELECT 'a\', $1, ':name'"),
        ('SELECT "a:name", :ids', 'SELECT "a:name", $1'),
        ("-- the user's :name\nSELECT :ids", "-- the user's :name\nSELECT $1"),
        ("/* a ' :name\n * $1 */ SELECT :ids", "/* a ' :name\n * $1 */ SELECT $1"),
        ("SELECT :ids -- :name", "SELECT $1 -- :name"),
        ("DO $$ BEGIN a := :name; END $$; :ids", "DO $$ BEGIN a := :name; END $$; $1"),
        ("$a$ ':name $$ :name $a$ :ids", "$a$ ':name $$ :name $a$ $1"),
        ("f(named := :ids, other =>:ids)", "f(named := $1, other =>$1)"),
        ("SELECT a[1:two], a[one:two], :ids", "SELECT a[1:two], a[one:two], $1"),
    ],
)
def test_casts_and_literals_are_left_unchanged(text: str, translated: str) -> None:
    assert translate(text) == Statement(translated, ("ids",))


def test_viewer_comes_after_all_other_parameters() -> None:
    assert translate("SELECT :viewer, :digest, :role") == Statement(
        "SELECT $3, $1, $2", ("digest", "role")
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT $1, :name", r"\$1 has no name"),
        ("SELECT 'open, :name", "' is not closed"),
        ('SELECT "open, :name', '" is not closed'),
        ("SELECT /* open :name", r"/\* is not closed"),
        ("SELECT /* a /* b */ ' */ :name", r"/\* is not closed, or comments are nested"),
        ("SELECT :names::text[], :names", ":names is an array of one type in some places only"),
        ("SELECT :ids::text[], :ids::uuid[]", ":ids is an array of one type in some places only"),
    ],
)
def test_untranslatable_statement_is_refused(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        translate(text)


def test_duplicate_statement_name_is_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        parse("-- name: one\nSELECT 1\n-- name: one\nSELECT 2")


OF_USER = """
-- fragment: of_user
-- Rows of :user_id, '{{not_inserted}}'.
user_id = :user_id AND {{permitted}}
-- fragment: permitted
viewer = :viewer_id
"""


def test_fragments_are_inserted_with_their_parameters() -> None:
    found = parse(
        f"-- name: of\nSELECT '{{{{of_user}}}}' WHERE day = :day AND ({{{{of_user}}}})\n{OF_USER}"
    )
    assert found == {
        "of": Statement(
            "SELECT '{{of_user}}' WHERE day = $1 AND (user_id = $2 AND viewer = $3)",
            ("day", "user_id", "viewer_id"),
        )
    }


def test_fragment_of_another_file_is_inserted() -> None:
    [one] = parse("-- name: one\nSELECT WHERE {{reports/filters.of_call}}").values()
    assert "personas" in one.parameters
    assert "{{" not in one.text


@pytest.mark.parametrize(
    ("fragments", "error"),
    [
        ("", "no fragment part"),
        ("-- fragment: part\n{{other}}\n-- fragment: other\n({{part}})", "part contains itself"),
        ("-- fragment: one\nSELECT 1", "same name"),
    ],
)
def test_unusable_fragment_is_refused(fragments: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        parse(f"-- name: one\nSELECT {{{{part}}}}\n{fragments}")


SQL = Statements(parse("-- name: due\nSELECT :most, :before, :most\n-- name: all\nSELECT 1"))


def test_named_arguments_are_ordered_by_parameter() -> None:
    assert SQL.bind("due", before=3, most=5) == ("SELECT $1, $2, $1", 5, 3)
    assert SQL.bind("all") == ("SELECT 1",)
    assert SQL.statement("due").parameters == ("most", "before")


@pytest.mark.parametrize(
    "values", [{}, {"most": 1}, {"most": 1, "since": 2}, {"most": 1, "before": 2, "since": 3}]
)
def test_missing_or_unknown_argument_is_refused(values: dict[str, int]) -> None:
    given = ", ".join(values)
    with pytest.raises(TypeError, match=rf"due takes \(most, before\), not \({given}\)"):
        SQL.bind("due", **values)


def test_argument_of_a_statement_without_parameters_is_refused() -> None:
    with pytest.raises(TypeError, match=r"all takes \(\), not \(most\)"):
        SQL.bind("all", most=1)


def test_array_parameter_takes_any_sequence_and_is_sent_as_text() -> None:
    sql = Statements(
        parse("-- name: of\nSELECT :ids::bigint[], :day, :names::text[], :ids::bigint[]")
    )
    text, *arguments = sql.bind("of", ids=(1, None), day="today", names=["a", "b"])
    assert text.startswith("SELECT $1::text::bigint[], $2, (CASE left($3::text, 1) WHEN")
    assert text.endswith(", $1::text::bigint[]")
    assert arguments == ["{1,NULL}", "today", "\x1fa\x1fb"]


def test_statement_text_stays_the_same_object() -> None:
    first, *_ = SQL.bind("due", before=1, most=2)
    second, *_ = SQL.bind("due", before=3, most=4)
    assert first is second is SQL["due"]


def test_every_statement_of_the_ledger_is_translated() -> None:
    ledger = Path(str(files("ledger")))
    topics = [path.relative_to(ledger).with_suffix("") for path in ledger.glob("*/*.sql")]
    assert len(topics) > 30
    found = {topic.as_posix(): statements(topic.as_posix()) for topic in topics}
    assert [topic for topic, read in found.items() if not read] == ["reports/filters"]
    assert not [name for read in found.values() for name in read if "{{" in read[name]]
