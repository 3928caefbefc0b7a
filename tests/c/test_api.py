"""The rules that kam3.h states for buffers, and that the Python layer never breaks: NULL, overlap, output lengths, zeros after an error."""

from __future__ import annotations

import ctypes
import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kam3 import sets
from kam3.sets import ParameterSet
from tests import clib

OK, ALGORITHM, NULL, OUTPUT_LENGTH, ALIAS, RETRY, MISMATCH = range(7)
ELEMENT_LENGTH, SECRET_LENGTH, SECRET_RANGE = 16, 32, 33
TABLE, TABLE_ARGUMENT = 7, 18


@dataclass(frozen=True)
class Function:
    """A function of kam3.h: which buffers it takes, in order; a leading int stands for the label or role."""

    name: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    selector: int | None = None


FUNCTIONS = (
    Function("kam3_pi", ("hash",), ("text", "text", "text", "text")),
    Function("kam3_secret_from_random", ("scalar",), ("scalar",), 1),
    Function("kam3_j", ("element",), ("hash",)),
    Function("kam3_kc1", ("element",), ("scalar",)),
    Function("kam3_check_denominator", (), ("hash", "scalar", "element")),
    Function("kam3_ks1", ("element",), ("element", "element", "scalar")),
    Function("kam3_z_server", ("element",), ("element", "element", "scalar")),
    Function("kam3_respond", ("element", "element"), ("element", "element", "scalar")),
    Function("kam3_prepare_j", ("table",), ("element",)),
    Function("kam3_respond_prepared", ("element", "element"), ("table", "element", "scalar")),
    Function("kam3_z_client", ("element",), ("hash", "scalar", "element", "element")),
    Function("kam3_vk", ("hash",), ("element", "element", "element", "text", "text"), 4),
    Function("kam3_b", ("hash",), ("element", "element", "element", "text", "text", "text"), 7),
    Function("kam3_check_element", (), ("element",)),
    Function("kam3_check_square_vartime", (), ("element",)),
)


def length(ps: ParameterSet, kind: str) -> int:
    sizes = (ctypes.c_size_t * 4)()
    assert clib.build("api-int128").kam3_sizes(sizes, ps.number) == OK
    return {"hash": ps.hash_octets, "element": ps.element_octets, "scalar": ps.scalar_octets, "table": sizes[3], "text": 5}[kind]


@pytest.fixture(scope="module", params=list(clib.VARIANTS))
def lib(request: pytest.FixtureRequest) -> ctypes.CDLL:
    return clib.build(f"api-{request.param}", flags=clib.VARIANTS[request.param])


@pytest.fixture(scope="module")
def element(lib: ctypes.CDLL) -> Callable[[ParameterSet], bytes]:
    """A valid element of each set: K_c1 of the scalar that has all octets 0 but 1 in the second half."""
    found: dict[int, bytes] = {}

    def get(ps: ParameterSet) -> bytes:
        if ps.number not in found:
            s = bytes(ps.scalar_octets // 2) + bytes([1]) * (ps.scalar_octets - ps.scalar_octets // 2)
            out = ctypes.create_string_buffer(ps.element_octets)
            assert lib.kam3_kc1(ps.number, out, size(ps.element_octets), s, size(len(s))) == OK
            found[ps.number] = out.raw
        return found[ps.number]

    return get


JOBS = {"kam3_respond_many": "kam3_respond", "kam3_z_client_many": "kam3_z_client"}


class Jobs:
    """The jobs of one of the many functions: words as the struct has them, a pointer and a length a buffer, and the status."""

    def __init__(self, lib: ctypes.CDLL, name: str, ps: ParameterSet, element: bytes, count: int) -> None:
        self.function, self.algorithm = getattr(lib, name), ps.number
        single = next(f for f in FUNCTIONS if f.name == JOBS[name])
        self.calls = [Call(lib, single, ps, element) for _ in range(count)]

    def run(self) -> list[int]:
        words = 2 * len(self.calls[0].pointers) + 1
        table = (ctypes.c_size_t * (words * len(self.calls)))()
        for i, call in enumerate(self.calls):
            for k, (pointer, n) in enumerate(zip(call.pointers, call.lengths, strict=True)):
                address = ctypes.cast(pointer, ctypes.c_void_p).value if pointer is not None else 0  # type: ignore[arg-type]
                table[i * words + 2 * k], table[i * words + 2 * k + 1] = address or 0, n
        status = int(self.function(self.algorithm, table, size(len(self.calls))))
        assert status == OK
        return [table[i * words + words - 1] & 0xFFFFFFFF for i in range(len(self.calls))]

    def results(self) -> list[list[bytes]]:
        return [[output.raw for output in call.outputs] for call in self.calls]


def size(n: int) -> ctypes.c_size_t:
    return ctypes.c_size_t(n)


class Call:
    """One call with valid arguments, each of which a test may spoil."""

    def __init__(self, lib: ctypes.CDLL, function: Function, ps: ParameterSet, element: bytes) -> None:
        values = {"hash": bytes(ps.hash_octets - 1) + b"\x07", "element": element, "text": b"hello"}
        values["table"] = b""
        values["scalar"] = bytes(ps.scalar_octets // 2) + bytes([2]) * (ps.scalar_octets - ps.scalar_octets // 2)
        self.function = getattr(lib, function.name)
        self.algorithm = ps.number
        self.selector = [] if function.selector is None else [function.selector]
        self.outputs = [ctypes.create_string_buffer(b"\xaa" * length(ps, kind), length(ps, kind)) for kind in function.outputs]
        self.inputs = [ctypes.create_string_buffer(values[kind], length(ps, kind)) for kind in function.inputs]
        self.pointers: list[object] = [*self.outputs, *self.inputs]
        for kind, buffer in zip(function.inputs, self.inputs, strict=True):
            if kind == "table":  # made where it is to be used
                assert lib.kam3_prepare_j(ps.number, buffer, size(len(buffer)), element, size(len(element))) == OK
        self.lengths = [len(b) for b in (*self.outputs, *self.inputs)]

    def run(self) -> int:
        pairs = itertools.chain.from_iterable((p, size(n)) for p, n in zip(self.pointers, self.lengths, strict=True))
        return int(self.function(self.algorithm, *self.selector, *pairs))


@pytest.fixture(params=FUNCTIONS, ids=lambda f: f.name)
def function(request: pytest.FixtureRequest) -> Function:
    chosen: Function = request.param
    return chosen


@pytest.fixture(params=[sets.EC_P256, sets.EC_P521], ids=lambda ps: ps.token)
def call(request: pytest.FixtureRequest, lib: ctypes.CDLL, function: Function, element: Callable[[ParameterSet], bytes]) -> Call:
    return Call(lib, function, request.param, element(request.param))


def test_the_unspoiled_call_succeeds_and_writes_every_output(call: Call) -> None:
    assert call.run() == OK
    assert all(output.raw != b"\xaa" * len(output) and any(output.raw) for output in call.outputs)


def test_an_unknown_algorithm_is_refused_and_zeroes_the_outputs(call: Call) -> None:
    for call.algorithm in (-1, 0, 5, 2**31 - 1):
        assert call.run() == ALGORITHM + 256 * 1
        assert not any(any(output.raw) for output in call.outputs)


def test_a_null_pointer_is_refused_and_nothing_is_touched(call: Call) -> None:
    for i in range(len(call.pointers)):
        before, call.pointers[i] = call.pointers[i], None
        assert call.run() & 0xFF == NULL
        assert all(output.raw == b"\xaa" * len(output) for output in call.outputs)
        call.pointers[i] = before


def test_an_output_of_another_length_is_refused(call: Call) -> None:
    for i in range(len(call.outputs)):
        for wrong in (-1, 1):
            room = ctypes.create_string_buffer(b"\xaa" * (call.lengths[i] + 1), call.lengths[i] + 1)
            before, call.pointers[i] = call.pointers[i], room
            call.lengths[i] += wrong
            assert call.run() == OUTPUT_LENGTH + 256 * 17
            assert not any(room.raw[: call.lengths[i]])
            call.lengths[i] -= wrong
            call.pointers[i] = before


def test_an_output_that_overlaps_another_buffer_is_refused_and_nothing_is_touched(call: Call) -> None:
    for i, k in itertools.combinations(range(len(call.pointers)), 2):
        if i >= len(call.outputs):
            continue
        first, second = call.lengths[i], call.lengths[k]
        shared = (ctypes.c_char * (first + second))()
        shared.raw = b"\xaa" * len(shared)
        before = call.pointers[i], call.pointers[k]
        for distance, expected in ((0, ALIAS), (first - 1, ALIAS), (1 - second, ALIAS)):
            base = ctypes.addressof(shared) + second - 1
            call.pointers[i], call.pointers[k] = ctypes.c_void_p(base), ctypes.c_void_p(base + distance)
            assert call.run() & 0xFF == expected
            assert shared.raw == b"\xaa" * len(shared)
        call.pointers[i], call.pointers[k] = before


def test_neighbouring_buffers_do_not_overlap(lib: ctypes.CDLL) -> None:
    ps = sets.EC_P256
    room = (ctypes.c_char * (ps.hash_octets + ps.element_octets))()
    room[ps.hash_octets - 1] = b"\x05"
    pi, j = ctypes.addressof(room), ctypes.addressof(room) + ps.hash_octets
    assert lib.kam3_j(ps.number, ctypes.c_void_p(j), size(ps.element_octets), ctypes.c_void_p(pi), size(ps.hash_octets)) == OK


def test_a_wrong_input_length_is_reported_for_its_argument_and_zeroes_the_outputs(call: Call, function: Function) -> None:
    offset = len(call.outputs)
    for i, kind in enumerate(function.inputs):
        if kind in ("text", "table"):
            continue
        for wrong in (-1, 1):
            room = ctypes.create_string_buffer(call.inputs[i].raw + b"\x00")
            before, call.pointers[offset + i] = call.pointers[offset + i], room
            call.lengths[offset + i] += wrong
            status = call.run()
            assert status & 0xFF == (ELEMENT_LENGTH if kind == "element" else SECRET_LENGTH)
            assert status >> 8 != 0
            assert not any(any(output.raw) for output in call.outputs)
            call.lengths[offset + i] -= wrong
            call.pointers[offset + i] = before


def test_only_a_table_of_this_algorithm_is_taken(lib: ctypes.CDLL, element: Callable[[ParameterSet], bytes]) -> None:
    function = next(f for f in FUNCTIONS if f.name == "kam3_respond_prepared")
    refusal = TABLE_ARGUMENT, TABLE
    call = Call(lib, function, sets.EC_P256, element(sets.EC_P256))
    length = call.lengths[2]
    for call.lengths[2] in (0, 8, length - 1, length + 1):
        assert divmod(call.run(), 256) == refusal
    call.lengths[2] = length
    assert call.run() == OK
    for contents in (bytes(length), b"\xa5" * length):
        call.inputs[2 - len(call.outputs)].raw = contents
        assert divmod(call.run(), 256) == refusal
        assert not any(any(output.raw) for output in call.outputs)
    other = Call(lib, function, sets.EC_P521, element(sets.EC_P521))
    call.pointers[2] = other.pointers[2]
    assert divmod(call.run(), 256) == refusal, "a larger table, of another curve"


def test_a_table_may_begin_anywhere(lib: ctypes.CDLL, element: Callable[[ParameterSet], bytes]) -> None:
    ps, function = sets.EC_P256, next(f for f in FUNCTIONS if f.name == "kam3_respond_prepared")
    call = Call(lib, function, ps, element(ps))
    assert call.run() == OK
    expected, length = [output.raw for output in call.outputs], call.lengths[2]
    room = ctypes.create_string_buffer(length + 64)
    for offset in range(0, 64, 7):
        call.pointers[2] = start = ctypes.c_void_p(ctypes.addressof(room) + offset)
        assert lib.kam3_prepare_j(ps.number, start, size(length), element(ps), size(ps.element_octets)) == OK
        assert call.run() == OK
        assert [output.raw for output in call.outputs] == expected
        assert room.raw[length + offset :] == bytes(64 - offset), "nothing is written behind it"


@pytest.mark.parametrize("name", list(JOBS))
@pytest.mark.parametrize("ps", [sets.DL_2048, sets.EC_P256, sets.EC_P521], ids=lambda ps: ps.token)
def test_a_bad_job_stops_no_other(lib: ctypes.CDLL, element: Callable[[ParameterSet], bytes], ps: ParameterSet, name: str) -> None:
    """More jobs than a group holds, and among them one of each fault, the same as alone."""
    jobs = Jobs(lib, name, ps, element(ps), 9)
    good = jobs.calls[0]
    assert good.run() == OK
    expected = [output.raw for output in good.outputs]
    last = len(good.pointers) - 1
    jobs.calls[1].pointers[last] = None
    jobs.calls[2].lengths[0] -= 1
    jobs.calls[3].lengths[last] -= 1
    jobs.calls[4].inputs[-1].raw = b"\xff" * len(jobs.calls[4].inputs[-1])
    room = ctypes.create_string_buffer(jobs.calls[5].inputs[-1].raw, 2 * max(good.lengths))  # so that nothing else's memory follows at once
    jobs.calls[5].pointers[0] = jobs.calls[5].pointers[last] = room
    alone = [call.run() for call in jobs.calls]
    assert len({status for status in alone if status != OK}) == 5
    for call in jobs.calls:
        for output in call.outputs:
            output.raw = b"\xaa" * len(output)
    assert jobs.run() == alone
    for status, results in zip(alone, jobs.results(), strict=True):
        if status == OK:
            assert results == expected
        elif status & 0xFF not in (NULL, ALIAS, OUTPUT_LENGTH):
            assert not any(map(any, results))


@pytest.mark.parametrize("name", list(JOBS))
def test_a_job_that_writes_into_another_is_refused(lib: ctypes.CDLL, element: Callable[[ParameterSet], bytes], name: str) -> None:
    ps = sets.EC_P256
    jobs = Jobs(lib, name, ps, element(ps), 3)
    jobs.calls[1].pointers[0] = jobs.calls[0].pointers[-1]
    assert jobs.run() == [OK, ALIAS + 256 * 17, OK]
    jobs.calls[1].pointers[0] = jobs.calls[0].pointers[0]
    assert jobs.run() == [ALIAS + 256 * 17, ALIAS + 256 * 17, OK]


@pytest.mark.parametrize("name", list(JOBS))
def test_jobs_as_a_whole_are_checked(lib: ctypes.CDLL, name: str) -> None:
    function = getattr(lib, name)
    assert function(3, None, size(0)) == OK
    assert function(3, None, size(1)) == NULL
    assert function(9, None, size(0)) == ALGORITHM + 256


@pytest.mark.parametrize("name", ["kam3_vk", "kam3_b"])
def test_a_label_of_the_other_function_is_refused(lib: ctypes.CDLL, element: Callable[[ParameterSet], bytes], name: str) -> None:
    function = next(f for f in FUNCTIONS if f.name == name)
    for label in (-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 259):
        call = Call(lib, function, sets.EC_P256, element(sets.EC_P256))
        call.selector = [label]
        expected = OK if label in ((3, 4) if name == "kam3_vk" else (6, 7)) else ALGORITHM + 256
        assert call.run() == expected


@pytest.mark.parametrize("ps", sets.SETS, ids=lambda ps: ps.token)
def test_sizes_are_those_of_the_table(lib: ctypes.CDLL, ps: ParameterSet) -> None:
    sizes = (ctypes.c_size_t * 4)()
    assert lib.kam3_sizes(sizes, ps.number) == OK
    assert list(sizes)[:3] == [ps.hash_octets, ps.element_octets, ps.scalar_octets]
    assert 50000 < sizes[3] < 400000
    assert lib.kam3_sizes(sizes, 0) & 0xFF == ALGORITHM
    assert list(sizes) == [0, 0, 0, 0]
    assert lib.kam3_sizes(None, ps.number) & 0xFF == NULL


R_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize("ps", sets.SETS, ids=lambda ps: ps.token)
def test_rejection_sampling_masks_the_top_and_refuses_what_is_out_of_range(lib: ctypes.CDLL, ps: ParameterSet) -> None:
    def sample(role: int, candidate: bytes) -> tuple[int, bytes]:
        out = ctypes.create_string_buffer(b"\xaa" * ps.scalar_octets, ps.scalar_octets)
        status = lib.kam3_secret_from_random(ps.number, role, out, size(ps.scalar_octets), candidate, size(len(candidate)))
        return int(status), out.raw

    n = ps.scalar_octets
    for role in (1, 2):
        least = ps.least_s_c1 if role == 1 else 1
        assert sample(role, bytes(n)) == (RETRY, bytes(n))
        assert sample(role, (least - 1).to_bytes(n, "big")) == (RETRY, bytes(n))
        assert sample(role, least.to_bytes(n, "big")) == (OK, least.to_bytes(n, "big"))
        assert sample(role, b"\xff" * n) == (RETRY, bytes(n))
        free_bits = {256: 8 * n - 1, 512: 8 * n - 1, 32: 256, 66: 521}[n]
        candidate = (2 ** (8 * n) - 2**free_bits + 5000).to_bytes(n, "big")
        if free_bits < 8 * n:
            assert sample(role, candidate) == (OK, (5000).to_bytes(n, "big"))
    assert sample(3, bytes(n))[0] & 0xFF == ALGORITHM
    if ps is sets.EC_P256:
        assert sample(2, R_P256.to_bytes(n, "big"))[0] == RETRY
        assert sample(2, (R_P256 - 1).to_bytes(n, "big")) == (OK, (R_P256 - 1).to_bytes(n, "big"))


def test_equal_compares_contents_and_lengths(lib: ctypes.CDLL) -> None:
    def equal(left: bytes | None, left_len: int, right: bytes | None, right_len: int) -> int:
        return int(lib.kam3_equal(left, size(left_len), right, size(right_len)))

    assert equal(b"abc", 3, b"abc", 3) == OK
    assert equal(b"", 0, b"", 0) == equal(None, 0, None, 0) == OK
    assert equal(b"abc", 3, b"abcd", 4) == equal(b"abc", 3, b"", 0) == MISMATCH
    for position in range(3):
        for bit in range(8):
            other = bytearray(b"abc")
            other[position] ^= 1 << bit
            assert equal(b"abc", 3, bytes(other), 3) == MISMATCH
    assert equal(None, 1, b"a", 1) == equal(b"a", 1, None, 1) == NULL


def test_tables_are_prepared_for_known_algorithms_alone(lib: ctypes.CDLL) -> None:
    assert [lib.kam3_prepare_tables(n) & 0xFF for n in (0, 1, 2, 3, 4, 5)] == [ALGORITHM, OK, OK, OK, OK, ALGORITHM]


def test_the_portable_path_can_be_asked_for_and_no_unknown_one(lib: ctypes.CDLL) -> None:
    lib.kam3_cpu_path.restype = ctypes.c_char_p
    lib.kam3_cpu_feature_name.restype = ctypes.c_char_p
    assert lib.kam3_cpu_use(b"portable", size(8)) == OK
    assert lib.kam3_cpu_path() == b"portable"
    assert lib.kam3_cpu_use(b"portabl", size(7)) == lib.kam3_cpu_use(b"warp", size(4)) == ALGORITHM
    assert lib.kam3_cpu_use(None, size(0)) == NULL
    names = list(itertools.takewhile(lambda name: name is not None, (lib.kam3_cpu_feature_name(i) for i in range(33))))
    assert lib.kam3_cpu_features() < 2 ** len(names)


PI_PARTS = ("pi", "password", "auth_scope", "realm", "user")


class PiJob(ctypes.Structure):
    """struct kam3_pi_job."""

    _fields_ = (
        *((name, kind) for part in PI_PARTS for name, kind in ((part, ctypes.c_void_p), (f"{part}_len", ctypes.c_size_t))),
        ("status", ctypes.c_int),
    )


def test_many_pi_have_each_their_own_status(lib: ctypes.CDLL) -> None:
    """Ten jobs of eight lanes' worth: a NULL, a wrong length and an overlap stop their own job and no other."""
    ps = sets.EC_P256
    room = ctypes.create_string_buffer(b"\xaa" * 400, 400)
    text = ctypes.create_string_buffer(b"text")
    start, texts = ctypes.addressof(room), ctypes.addressof(text)
    jobs = (PiJob * 10)(*((start + 40 * i, 32, texts, 4, texts, 4, texts, 4, texts, i % 5) for i in range(10)))
    jobs[2].pi = jobs[1].pi + 8  # 1 and 2 overlap
    jobs[4].realm = None
    jobs[6].pi_len = 31
    jobs[8].password, jobs[8].password_len = jobs[9].pi, 1  # in the second eight: 9 would overwrite what 8 reads
    assert lib.kam3_pi_many(ps.number, jobs, size(10)) == OK
    assert [job.status & 0xFF for job in jobs] == [OK, ALIAS, ALIAS, OK, NULL, OK, OUTPUT_LENGTH, OK, OK, ALIAS]
    for i in range(10):
        own = room.raw[40 * i : 40 * i + 32]
        if i in (0, 3, 5, 7):
            salt = b"".join(bytes([len(part)]) + part for part in (ps.token.encode(), b"text", b"text", b"text"[: i % 5]))
            assert own == hashlib.pbkdf2_hmac("sha256", b"text", salt, 16384)
        elif i in (1, 2, 4, 9):
            assert own == b"\xaa" * 32
    assert lib.kam3_pi_many(0, jobs, size(10)) & 0xFF == ALGORITHM
    assert lib.kam3_pi_many(ps.number, None, size(1)) & 0xFF == NULL
    assert lib.kam3_pi_many(ps.number, None, size(0)) == OK
