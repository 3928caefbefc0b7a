"""Tables and progress for people: drawn by rich on a terminal where it is installed (extra ``[cli]``), else plain aligned text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

_BAR_WIDTH = 24

#: Cells of a row, the label first; a row of one cell is a heading within the table.
Row = Sequence[str]


#: To be called with the name of the step that begins.
Step: TypeAlias = Callable[[str], None]


def print_table(columns: Row, rows: Sequence[Row]) -> None:
    """Print a table on standard output: the first column flush left, the others flush right."""
    if sys.stdout.isatty() and _print_rich(columns, rows):
        return
    for line in plain_table(columns, rows):
        print(line)


def plain_table(columns: Row, rows: Sequence[Row]) -> list[str]:
    """Lay out a table as lines of text, without trailing blanks."""
    full = [row for row in (columns, *rows) if len(row) > 1]
    widths = [max(len(row[column]) for row in full) for column in range(len(columns))]
    lines = []
    for label, *values in (columns, *rows):
        cells = [label.ljust(widths[0]), *(value.rjust(width) for value, width in zip(values, widths[1:], strict=False))]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def _print_rich(columns: Row, rows: Sequence[Row]) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table()
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        heading = len(row) == 1
        table.add_row(*(Text(cell, style="bold" if heading else "") for cell in row))
    Console().print(table)
    return True


@contextmanager
def progress(total: int) -> Iterator[Step]:
    """Show a bar on standard error while the block runs; nothing when that is no terminal.

    Args:
        total: how many steps the block announces.

    Yields:
        A function to be called with each step's name as the step begins.
    """
    done = 0
    shown = sys.stderr.isatty()

    def step(label: str) -> None:
        nonlocal done
        if shown:
            filled = _BAR_WIDTH * done // total
            bar = "#" * filled + "." * (_BAR_WIDTH - filled)
            print(f"\r\x1b[K[{bar}] {done}/{total} {label}", end="", file=sys.stderr, flush=True)
        done += 1

    try:
        yield step
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
