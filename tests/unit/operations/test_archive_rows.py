"""Archive files of every release can be read."""

from pathlib import Path

import pyarrow
from pyarrow import parquet

from ledger.operations.archive_files import COLUMNS, rows_of


def test_missing_column_of_an_older_file_is_read_as_null(tmp_path: Path) -> None:
    older = [name for name in COLUMNS if name != "tags"]
    table = pyarrow.table({name: pyarrow.nulls(2, pyarrow.string()) for name in older})
    parquet.write_table(table, tmp_path / "old.parquet")
    [rows] = rows_of(tmp_path / "old.parquet")
    assert rows == [(None,) * len(COLUMNS)] * 2
