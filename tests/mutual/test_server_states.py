"""The server's table against section 11 of RFC 8120, read a second time; and the window against a set of numbers."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kam3.mutual.server_states import AFTER, BEFORE, REASONS, REFUSALS, Judged, Nonce, Phase, State, Window, begin, commit, diagram
from kam3.mutual.sessions import Answer
from tests.clib import ROOT

MAX, WIDTH = 400, 128
FRESH = State()


def received(numbers: range | list[int] | set[int], window: Window = Window()) -> Window:  # noqa: B008 - immutable
    for nc in numbers:
        assert window.judge(nc, MAX, WIDTH) is Nonce.NEW
        window = window.receive(nc, WIDTH)
    return window


def test_row_44_the_worked_example_of_section_6() -> None:
    used = {*range(1, 121), 122, 124, *range(130, 239), *range(255, 361), *range(363, 373)}
    window = received(sorted(used))
    allowed = {nc for nc in range(500) if window.judge(nc, MAX, WIDTH) is Nonce.NEW}
    assert allowed == {*range(245, 255), 361, 362, *range(373, 401)}
    assert all(window.judge(nc, MAX, WIDTH) is Nonce.OUTSIDE for nc in (0, 121, 123, *range(125, 130), *range(239, 245), 401))


def test_row_44_zero_is_a_number_and_no_duplicate() -> None:
    assert Window().judge(0, MAX, WIDTH) is Nonce.NEW
    window = Window().receive(0, WIDTH)
    assert window.judge(0, MAX, WIDTH) is Nonce.USED
    assert window.judge(1, MAX, WIDTH) is Nonce.NEW
    first = Window().receive(1, WIDTH)
    assert first.judge(0, MAX, WIDTH) is Nonce.NEW


@pytest.mark.parametrize("nc", [2**31, 2**32 + 1, 2**63, 2**64 + 1, 2**80, 10**8000], ids=lambda nc: f"{nc.bit_length()} bits")
def test_row_20_no_number_wraps(nc: int) -> None:
    window = Window().receive(1, 1024)
    assert window.judge(nc, 2**31 - 1, 1024) is Nonce.OUTSIDE
    assert window.judge(nc, nc, 1024) is Nonce.NEW  # nor is any too large for a server that allows it
    after = window.receive(nc, 1024)
    assert after == Window(nc, 1)
    assert after.judge(1, nc, 1024) is Nonce.OUTSIDE


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 12))
def test_row_44_the_window_against_a_set(numbers: list[int], width: int) -> None:
    window, seen, largest = Window(), set(), 0
    for nc in numbers:
        expected = Nonce.OUTSIDE if nc > 35 or nc <= largest - width else Nonce.USED if nc in seen else Nonce.NEW
        assert window.judge(nc, 35, width) is expected
        if expected is Nonce.NEW:
            window = window.receive(nc, width)
            seen.add(nc)
            largest = max(largest, nc)
        assert window.flags.bit_length() <= width, "memory is bounded"
        assert window.largest == largest


def test_the_table_has_no_holes() -> None:
    assert set(BEFORE) == set(itertools.product(Phase, Nonce))
    evaluated = {phase for (phase, _), entry in BEFORE.items() if entry.answer is Answer.EVALUATE}
    assert set(AFTER) == set(itertools.product(evaluated, (True, False)))
    assert set(REASONS) == set(Answer) - {Answer.EVALUATE, Answer.ACCEPTED}
    assert set(REFUSALS) == set(Judged)


def after(state: State, *requests: tuple[int, bool]) -> tuple[State, Answer]:
    """Carry requests out one after another, as a server does."""
    for nc, right in requests:
        state, answer = begin(state, nc, MAX, WIDTH)
        if answer is Answer.EVALUATE:
            state, answer = commit(state, nc, right, MAX, WIDTH)
    return state, answer


def test_row_37_what_is_not_there_is_stale() -> None:
    assert after(State(Phase.INACTIVE), (1, True)) == (State(Phase.INACTIVE), Answer.STALE)


def test_row_38_a_rejected_session_evaluates_nothing() -> None:
    rejected, _ = after(FRESH, (1, False))
    for nc in (0, 1, 2, 401):
        assert begin(rejected, nc, MAX, WIDTH) == (rejected, Answer.REJECTED)
        assert commit(rejected, nc, True, MAX, WIDTH) == (rejected, Answer.REJECTED)


def test_row_39_one_wrong_proof_rejects_a_pending_session() -> None:
    state, answer = after(FRESH, (1, False))
    assert (state.phase, answer) == (Phase.REJECTED, Answer.FAILED)
    assert after(state, (2, True))[1] is Answer.REJECTED


def test_row_40_the_first_commit_decides() -> None:
    for first, second in itertools.product((True, False), repeat=2):
        one, _ = begin(FRESH, 1, MAX, WIDTH)
        both, _ = begin(one, 2, MAX, WIDTH)
        decided, _ = commit(both, 1, first, MAX, WIDTH)
        _, answer = commit(decided, 2, second, MAX, WIDTH)
        assert answer is (Answer.REJECTED if not first else Answer.ACCEPTED if second else Answer.FAILED)


def test_row_41_a_wrong_proof_changes_nothing_once_the_user_is_known() -> None:
    known, _ = after(FRESH, (1, True))
    assert after(known, (2, False)) == (known, Answer.FAILED)
    assert after(known, (2, False), (2, True))[1] is Answer.ACCEPTED  # a failed proof consumes no number


def test_row_42_a_replay_ends_the_session() -> None:
    known, _ = after(FRESH, (1, True), (2, True))
    state, answer = after(known, (1, True))
    assert (state.phase, answer) == (Phase.INACTIVE, Answer.NC_REFUSED)
    assert after(state, (3, True))[1] is Answer.STALE


def test_row_43_of_two_requests_with_one_number_the_second_is_stale() -> None:
    known, _ = after(FRESH, (1, True))
    one, first = begin(known, 2, MAX, WIDTH)
    two, second = begin(one, 2, MAX, WIDTH)
    assert (first, second) == (Answer.EVALUATE, Answer.EVALUATE)
    two, first = commit(two, 2, True, MAX, WIDTH)
    two, second = commit(two, 2, True, MAX, WIDTH)
    assert (first, second, two.phase) == (Answer.ACCEPTED, Answer.NC_REFUSED, Phase.INACTIVE)


@pytest.mark.parametrize("phase", [Phase.KEY_EXCHANGING, Phase.AUTHENTICATED])
@pytest.mark.parametrize("nc", [MAX + 1, 2**80])
def test_row_44_a_number_above_nc_max_ends_the_session(phase: Phase, nc: int) -> None:
    state, answer = begin(State(phase), nc, MAX, WIDTH)
    assert (state.phase, answer) == (Phase.INACTIVE, Answer.NC_REFUSED)


def test_row_45_the_number_is_judged_before_the_proof_and_consumed_after_it() -> None:
    known, _ = after(FRESH, (1, True))
    before, answer = begin(known, 7, MAX, WIDTH)
    assert (before.window, answer) == (known.window, Answer.EVALUATE)
    assert commit(before, 7, False, MAX, WIDTH)[0].window == known.window
    assert commit(before, 7, True, MAX, WIDTH)[0].window == Window(7, 0b1000001)


def test_the_diagram_shows_every_entry_and_is_the_one_in_the_docs() -> None:
    drawn = diagram()
    for phase in Phase:
        assert phase.name.lower() in drawn
    assert drawn.count("200-VFY-S") == 2
    assert f"```mermaid\n{drawn}```" in (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
