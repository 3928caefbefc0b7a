"""What a run writes and reads back, and the arithmetic of comparing two."""

from __future__ import annotations

import csv
import dataclasses
import io
import json

import pytest

from kam3.bench import baseline
from kam3.bench.peers import Skipped
from kam3.bench.report import CSV_COLUMNS, SCHEMA, Report, ReportError, time_text
from kam3.bench.run import Row
from kam3.bench.spread import Spread

P256, P521 = "iso-kam3-ec-p256-sha256", "iso-kam3-ec-p521-sha512"


def row(step: str, median: float, **changes: object) -> Row:
    made = Row(P256, step, "kam3", "native", "portable", None, 5, 10, 0.0, "", Spread(median * 0.9, median, median * 1.1))
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def report(*rows: Row) -> Report:
    lengths = {"kc1": 66, "ks1": 66, "vkc": 64, "vks": 64}
    machine = {"date": "today", "cpu": "a|b", "kam3": "0.1", "commit": "abc"}
    clock = {"one thread": "thread_time", "many at once": "perf_counter", "cycles": None}
    return Report(
        machine, {"native": {"build": "gcc"}}, clock, {P256: lengths, P521: lengths}, list(rows), [Skipped("srp", "not installed")]
    )


FULL = report(
    row("kc1", 10.0, cycles=Spread(1, 2, 3)),
    row("kc1", 5.0, cpu_path="ifma", ratio=Spread(0.4, 0.5, 0.6)),
    row("kc1", 40.0, contender="OpenSSL 3", backend=None, cpu_path=None, overhead_us=1.5, ratio=Spread(3, 4, 5)),
    row("respond_many", 100.0, threads=1),
    row("respond_many", 50.0, threads=2, ratio=Spread(0.5, 0.5, 0.5)),
)


def test_json_comes_back() -> None:
    text = FULL.to_json()
    assert Report.from_json(text) == FULL
    found = json.loads(text)
    assert found["schema"] == SCHEMA == "kam3.bench/1"
    assert set(found) == {"schema", "machine", "backends", "clock", "octets", "rows", "skipped"}
    assert found["rows"][0]["us"] == {"q1": 9.0, "median": 10.0, "q3": 11.0}


@pytest.mark.parametrize("text", ["", "[]", "7", "null", '{"schema": "kam3.bench/2"}', '{"schema": "kam3.bench/1"}', '{"rows": []}'])
def test_something_else_is_no_report(text: str) -> None:
    with pytest.raises(ReportError):
        Report.from_json(text)


def test_a_row_with_missing_or_strange_fields_is_no_report() -> None:
    for change in ({"us": None, "strange": 1}, {"us": {"q1": 1}}):
        found = json.loads(FULL.to_json())
        found["rows"][0] |= change
        with pytest.raises(ReportError):
            Report.from_json(json.dumps(found))


def test_csv_columns() -> None:
    rows = list(csv.DictReader(io.StringIO(FULL.to_csv())))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [entry["us_median"] for entry in rows] == ["10.0", "5.0", "40.0", "100.0", "50.0"]
    assert (rows[0]["cycles_q3"], rows[0]["ratio_median"], rows[1]["ratio_median"]) == ("3", "", "0.5")


def test_markdown_has_the_facts_and_all_tables() -> None:
    text = FULL.to_markdown()
    for expected in (
        "| cpu | a\\|b |",
        "| clock, cycles | not counted here |",
        "| kc1 | 10.00 [9.00, 11.00] | - |",
        "| kc1 | 0.50 [0.40, 0.60] | - |",
        "| respond_many, native, portable | ec-p256 | 2 | 20000 | 2.00 |",
        "| OpenSSL 3 | ec-p256 | kc1 | 40.00 [36.00, 44.00] | 1.5 | 4.00 [3.00, 5.00] |  |",
        "Not compared: srp (not installed).",
    ):
        assert expected in text
    for table in text.split("\n\n"):
        widths = {line.replace("\\|", "").count("|") for line in table.splitlines() if line.startswith("|")}
        assert len(widths) <= 1


def test_microseconds_keep_three_digits() -> None:
    assert [time_text(Spread(value, value, value)).partition(" ")[0] for value in (1.234, 12.345, 123.45, 1234.5)] == [
        "1.23",
        "12.35",
        "123.5",
        "1234",
    ]


def test_baseline_arithmetic() -> None:
    then = report(row("kc1", 20.0), row("j", 10.0), row("pi", 1.0), row("gone", 1.0))
    now = report(row("kc1", 10.0), row("j", 10.5), row("pi", 0.0), row("new", 1.0))
    changes = {change.now.step: change for change in baseline.compare(now, then)}
    assert set(changes) == {"kc1", "j", "pi"}
    assert (changes["kc1"].factor, changes["kc1"].clear) == (2.0, True)
    assert (changes["j"].factor, changes["j"].clear) == (pytest.approx(10 / 10.5), False)
    assert changes["pi"].factor is None


def test_one_path_is_compared_with_another_but_several_each_with_itself() -> None:
    portable, ifma = row("kc1", 20.0), row("kc1", 5.0, cpu_path="ifma")
    assert [change.factor for change in baseline.compare(report(ifma), report(portable))] == [4.0]
    both = report(ifma, portable)
    assert [change.factor for change in baseline.compare(both, both)] == [1.0, 1.0]
    assert [change.factor for change in baseline.compare(report(portable), both)] == [1.0]
    assert [change.then.threads for change in baseline.compare(report(row("many", 1, threads=2)), report(row("many", 1, threads=1)))] == []
