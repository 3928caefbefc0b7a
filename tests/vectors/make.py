"""Make the frozen vectors of this folder: ``PYTHONPATH=python python tests/vectors/make.py`` writes the same octets every time.

Secrets are SHAKE-256 of a label, so that anyone can repeat them:
S = least + INT(SHAKE256("kam3 <token> <name> <n>", scalar octets + 8)) mod (r - least). Where a class of values is rare (a leading zero
octet), n counts up from 1 until the class is met, and the comment of the test tells it. Nothing is checked here:
tests/backends/test_vectors.py verifies every value with OpenSSL and in a second way.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kam3.backends import groups
from kam3.backends.gmp import GmpBackend
from kam3.backends.reference import PLAIN_GROUPS
from kam3.errors import Kam3Error
from kam3.sets import DL_2048, DL_4096, EC_P256, EC_P521, ParameterSet

FOLDER = Path(__file__).parent
NAMES = {DL_2048: "dl_2048", DL_4096: "dl_4096", EC_P256: "ec_p256", EC_P521: "ec_p521"}
BACKEND = GmpBackend()

NOTES = {
    "Normal": "no special property",
    "ZeroLeadingByte": "the value named in the comment is one octet shorter than most: DL elements and hash values start with a zero "
    "octet, the representations 2x + (y mod 2) of curve points with two",
    "ScalarEdge": "a secret is the least or the largest of its range",
    "NonAscii": "strings outside ASCII, as UTF-8",
    "EmptyPassword": "password, user name, realm, vh and t are empty",
    "LongPassword": "strings whose VS length takes several octets, a password longer than the block of the hash",
    "ElementSmallest": "the smallest number that is an acceptable element",
    "ElementLargest": "the largest number that is an acceptable element",
    "NonResidue": "K_c1 is not a square mod q; RFC 8121 accepts it",
    "ElementZero": "0",
    "ElementOne": "1",
    "ElementMinusOne": "q-1",
    "ElementNotReduced": "q or more (curves: x = q or more)",
    "PointNotOnCurve": "no point has this x",
    "DoublingInAddition": "J = [t_1] K_c1",
    "PointAtInfinity": "J = -[t_1] K_c1 (DL: J * K_c1^t_1 = 1)",
    "MinusOne": "J * K_c1^t_1 = q-1",
    "DenominatorZero": "S_c1 * t_1 + pi = 0 mod r",
    "NumeratorZero": "S_c1 + t_2 = 0 mod r",
    "ScalarRange": "a secret outside its range",
    "WrongLength": "one octet short, or one long",
}


class Maker:
    """The vectors of one parameter set."""

    def __init__(self, ps: ParameterSet) -> None:
        self.ps = ps
        self.group = PLAIN_GROUPS[ps.token]
        self.q, self.r = self.group.q, self.group.r
        self.count = 0

    # Values ---------------------------------------------------------------------------------------------------------------------------

    def secret(self, name: str, n: int = 0) -> bytes:
        least = self.ps.least_s_c1 if name.startswith("s_c1") else 1
        seed = hashlib.shake_256(f"kam3 {self.ps.token} {name} {n}".encode()).digest(self.ps.scalar_octets + 8)
        return self.scalar(least + int.from_bytes(seed, "big") % (self.r - least))

    def scalar(self, number: int) -> bytes:
        return number.to_bytes(self.ps.scalar_octets, "big")

    def element(self, number: int) -> bytes:
        return number.to_bytes(self.ps.element_octets, "big")

    def multiple(self, scalar: int) -> bytes:
        """OCTETS of [scalar] G, for a scalar that may be small."""
        group = BACKEND._groups[self.ps.token]
        return self.element(group.encode(group.mul(scalar % self.r, group.g)))

    def t1(self, kc1: bytes) -> int:
        return int.from_bytes(hashlib.new(self.ps.hash_name, b"\1" + kc1).digest(), "big")

    def t2(self, kc1: bytes, ks1: bytes) -> int:
        return int.from_bytes(hashlib.new(self.ps.hash_name, b"\2" + kc1 + ks1).digest(), "big")

    def written(self, call: Callable[..., Any], *arguments: Any, octets: int | None = None) -> tuple[Any, bytes]:
        out = bytearray(octets or self.ps.element_octets)
        return call(self.ps, *arguments, memoryview(out)), bytes(out)

    def pi(self, i: dict[str, Any]) -> bytes:
        strings = (i[name].encode() for name in ("auth_scope", "realm", "user"))
        return self.written(BACKEND.pi, bytes.fromhex(i["password"]), *strings, octets=self.ps.hash_octets)[1]

    def is_short(self, octets: bytes) -> bool:
        zeros = 2 if self.ps.is_curve and len(octets) == self.ps.element_octets else 1
        return octets.startswith(bytes(zeros))

    # Exchanges ------------------------------------------------------------------------------------------------------------------------

    def exchange(self, i: dict[str, Any]) -> dict[str, Any]:
        """Every value of the exchange with the inputs `i`."""
        ps, o = self.ps, {}
        s_c1, s_s1, vh, t = (bytes.fromhex(i[name]) for name in ("s_c1", "s_s1", "vh", "t"))
        o["pi"] = self.pi(i)
        o["j"] = self.written(BACKEND.j, o["pi"])[1]
        o["kc1"] = BACKEND.kc1(ps, s_c1)
        o["t1"] = self.t1(o["kc1"]).to_bytes(ps.hash_octets, "big")
        o["ks1"], o["z"] = self.written(BACKEND.respond, o["j"], o["kc1"], s_s1)
        o["t2"] = self.t2(o["kc1"], o["ks1"]).to_bytes(ps.hash_octets, "big")
        keys = (o["kc1"], o["ks1"], o["z"])
        nc = int(i["nc"])
        o["vkc"], o["vks"] = (BACKEND.vk(ps, label, *keys, nc, vh) for label in (4, 3))
        o["b1"], o["b2"] = BACKEND.b(ps, 6, *keys, 0, vh, t), BACKEND.b(ps, 7, *keys, nc, vh, t)
        return o

    def exchanges(self) -> list[dict[str, Any]]:
        ps = self.ps
        plain = {
            "password": b"correct horse battery staple".hex(),
            "auth_scope": "http://www.example.com",
            "realm": "vectors",
            "user": "alice",
            "s_c1": self.secret("s_c1").hex(),
            "s_s1": self.secret("s_s1").hex(),
            "nc": "1",
            "vh": b"http://www.example.com:80".hex(),
            "t": "",
        }
        tests = [self.case("ordinary values", ["Normal"], plain)]
        for value, varied, nc in (
            ("pi", "password", 0),
            ("j", "password", 127),
            ("kc1", "s_c1", 128),
            ("t1", "s_c1", 16383),
            ("ks1", "s_s1", 16384),
            ("t2", "s_s1", 2**31),
            ("z", "s_s1", 2**80),
        ):
            found, n = self.search(plain, value, varied)
            comment = f"{value} has a leading zero octet; {varied} was varied up to n = {n}"
            tests.append(self.case(comment, ["ZeroLeadingByte"], found | {"nc": str(nc), "vh": hashlib.sha256(value.encode()).hexdigest()}))
        edges = (("least", ps.least_s_c1, 1), ("largest", self.r - 1, self.r - 1), ("least and largest", ps.least_s_c1, self.r - 1))
        for comment, s_c1, s_s1 in edges:
            inputs = plain | {"s_c1": self.scalar(s_c1).hex(), "s_s1": self.scalar(s_s1).hex(), "t": b"binding".hex()}
            tests.append(self.case(f"secrets: {comment}", ["ScalarEdge"], inputs))
        strings = {"password": "pässwörd ☃ 𝄞".encode().hex(), "user": "ålïce", "realm": "日本", "auth_scope": "*.example.com"}
        tests.append(self.case("strings outside ASCII", ["NonAscii"], plain | strings | {"t": "ünï".encode().hex()}))
        empty = {"password": "", "user": "", "realm": "", "auth_scope": "", "vh": "", "nc": "0"}
        tests.append(self.case("empty strings", ["EmptyPassword"], plain | empty))
        long = {"password": (b"0123456789" * 30).hex(), "user": "u" * 128, "realm": "r" * 16384, "vh": (b"v" * 16383).hex()}
        tests.append(self.case("long strings", ["LongPassword"], plain | long | {"t": (b"t" * 127).hex(), "nc": "4294967296"}))
        return tests

    def case(self, comment: str, flags: list[str], inputs: dict[str, Any]) -> dict[str, Any]:
        outputs = self.exchange(inputs)

        def text(octets: bytes) -> str:
            return octets.hex() if self.ps.is_curve else base64.b64encode(octets).decode()

        wire = {name: text(outputs[name]) for name in ("kc1", "ks1", "vkc", "vks")}
        return self.test(comment, flags, inputs, {"outputs": {k: v.hex() for k, v in outputs.items()}, "wire": wire, "result": "valid"})

    def search(self, plain: dict[str, Any], value: str, varied: str) -> tuple[dict[str, Any], int]:
        """Vary one input until one output is short."""
        fixed = self.exchange(plain)
        for n in range(1, 1 << 14):
            if varied == "password":
                inputs = plain | {"password": f"{value} {n}".encode().hex()}
                pi = self.pi(inputs)
                octets = pi if value == "pi" else self.written(BACKEND.j, pi)[1]
            elif varied == "s_c1":
                s_c1 = self.secret(f"s_c1 {value}", n)
                inputs = plain | {"s_c1": s_c1.hex()}
                kc1 = BACKEND.kc1(self.ps, s_c1)
                octets = kc1 if value == "kc1" else self.t1(kc1).to_bytes(self.ps.hash_octets, "big")
            else:
                s_s1 = self.secret(f"s_s1 {value}", n)
                inputs = plain | {"s_s1": s_s1.hex()}
                ks1 = BACKEND.ks1(self.ps, fixed["j"], fixed["kc1"], s_s1)
                octets = ks1 if value == "ks1" else self.t2(fixed["kc1"], ks1).to_bytes(self.ps.hash_octets, "big")
                if value == "z":
                    octets = self.written(BACKEND.z_server, fixed["kc1"], ks1, s_s1)[1]
            if self.is_short(octets):
                return inputs, n
        raise AssertionError("the class was not met")

    # One side alone -------------------------------------------------------------------------------------------------------------------

    def one_side(self, call: Callable[..., Any], comment: str, flags: list[str], **inputs: bytes) -> dict[str, Any]:
        answer: dict[str, Any]
        try:
            ks1, z = self.written(call, *inputs.values())
            answer = {"outputs": {"z": z.hex()} if ks1 is None else {"ks1": ks1.hex(), "z": z.hex()}, "result": "valid"}
        except Kam3Error as error:
            answer = {"error": {"code": error.code, "argument": error.argument}, "result": "invalid"}
        return self.test(comment, flags, {k: v.hex() for k, v in inputs.items()}, answer)

    def acceptable(self, numbers: range) -> int:
        """The first of the numbers that is an acceptable element."""
        for number in numbers:
            try:
                self.group.decode(number)
            except ValueError:
                continue
            return number
        raise AssertionError("no acceptable element")

    def bad_elements(self) -> list[tuple[str, str, bytes]]:
        """What no peer may send: flag, comment, octets."""
        top = 256**self.ps.element_octets - 1
        good = self.multiple(self.ps.least_s_c1)
        if not isinstance(self.group, groups.Curve):
            numbers = [("ElementZero", "0", 0), ("ElementOne", "1", 1), ("ElementMinusOne", "q-1", self.q - 1)]
            numbers += [
                ("ElementNotReduced", "q", self.q),
                ("ElementNotReduced", "q+1", self.q + 1),
                ("ElementNotReduced", "all ones", top),
            ]
        else:
            x = next(x for x in range(self.q) if pow(x**3 - 3 * x + self.group.b, (self.q - 1) // 2, self.q) == self.q - 1)
            numbers = [("PointNotOnCurve", f"x = {x}", 2 * x), ("PointNotOnCurve", f"x = {x}, odd y", 2 * x + 1)]
            numbers += [("ElementNotReduced", "x = q + (x of a point)", 2 * self.q + self.acceptable(range(99)))]
            numbers += [("ElementNotReduced", "x = q", 2 * self.q), ("ElementNotReduced", "x = q, odd y", 2 * self.q + 1)]
            numbers += [
                ("ElementNotReduced", "G and the highest bit set", self.group.encode(self.group.g) | (top + 1) >> 1),
                ("ElementNotReduced", "all ones", top),
            ]
        cases = [(flag, comment, self.element(number)) for flag, comment, number in numbers]
        lengths = [("empty", b""), ("one octet short", good[1:]), ("one octet long", b"\0" + good)]
        return cases + [("WrongLength", comment, octets) for comment, octets in lengths]

    def server(self) -> list[dict[str, Any]]:
        """K_s1 and z from J, K_c1 and S_s1 (`respond`)."""
        a, s_s1, tests = int.from_bytes(self.secret("s_c1 server"), "big"), self.secret("s_s1 server"), []
        kc1 = self.multiple(a)
        t1 = self.t1(kc1)
        j = self.multiple(a + 1)

        def add(comment: str, flag: str, j: bytes = j, kc1: bytes = kc1, s_s1: bytes = s_s1) -> None:
            tests.append(self.one_side(BACKEND.respond, comment, [flag], j=j, kc1=kc1, s_s1=s_s1))

        edge = self.q * (1 + self.ps.is_curve)
        for flag, number in (
            ("ElementSmallest", self.acceptable(range(99))),
            ("ElementLargest", self.acceptable(range(edge - 1, edge - 99, -1))),
        ):
            add("K_c1", flag, kc1=self.element(number))
            add("J", flag, j=self.element(number))
        add("J = [t_1] K_c1", "DoublingInAddition", j=self.multiple(a * t1))
        add("J = -[t_1] K_c1", "PointAtInfinity", j=self.multiple(-a * t1))
        add("J = K_c1", "Normal", j=kc1)
        if not self.ps.is_curve:
            add("J = -(K_c1^-t_1)", "MinusOne", j=self.element(self.q - int.from_bytes(self.multiple(-a * t1), "big")))
            add("K_c1 = -g^a", "NonResidue", kc1=self.element(self.q - int.from_bytes(kc1, "big")))
        for flag, comment, octets in self.bad_elements():
            add(f"K_c1: {comment}", flag, kc1=octets)
            add(f"J: {comment}", flag, j=octets)
        for comment, number in (("0", 0), ("r", self.r), ("r+1", self.r + 1), ("all ones", 256**self.ps.scalar_octets - 1)):
            add(f"S_s1 = {comment}", "ScalarRange", s_s1=self.scalar(number))
        add("S_s1 one octet short", "WrongLength", s_s1=s_s1[1:])
        add("S_s1 one octet long", "WrongLength", s_s1=b"\0" + s_s1)
        return tests

    def client(self) -> list[dict[str, Any]]:
        """z from pi, S_c1, K_c1 and K_s1 (`z_client`), where K_c1 need not be [S_c1] G."""
        a, tests = int.from_bytes(self.secret("s_c1 client"), "big"), []
        s_c1, kc1 = self.scalar(a), self.multiple(a)
        ks1 = self.multiple(a * a)
        pi = hashlib.new(self.ps.hash_name, b"pi").digest()

        def add(comment: str, flag: str, pi: bytes = pi, s_c1: bytes = s_c1, kc1: bytes = kc1, ks1: bytes = ks1) -> None:
            tests.append(self.one_side(BACKEND.z_client, comment, [flag], pi=pi, s_c1=s_c1, kc1=kc1, ks1=ks1))

        add("pi = 0", "Normal", pi=bytes(self.ps.hash_octets))
        add("pi = 2^hSize - 1", "Normal", pi=b"\xff" * self.ps.hash_octets)
        if self.ps is EC_P256:
            add("pi = r", "Normal", pi=self.scalar(self.r))
        add(
            "S_c1 = -pi / t_1 mod r",
            "DenominatorZero",
            s_c1=self.scalar(-int.from_bytes(pi, "big") * pow(self.t1(kc1), -1, self.r) % self.r),
        )
        add("S_c1 = -t_2 mod r", "NumeratorZero", s_c1=self.scalar(-self.t2(kc1, ks1) % self.r))
        for flag, comment, octets in self.bad_elements():
            add(f"K_s1: {comment}", flag, ks1=octets)
        least = self.ps.least_s_c1
        for comment, number in (("0", 0), ("the least value - 1", least - 1), ("r", self.r), ("r+1", self.r + 1)):
            add(f"S_c1 = {comment}", "ScalarRange", s_c1=self.scalar(number))
        for name, octets in (("pi", pi), ("s_c1", s_c1), ("kc1", kc1)):
            add(f"{name} one octet short", "WrongLength", **{name: octets[1:]})
            add(f"{name} one octet long", "WrongLength", **{name: b"\0" + octets})
        return tests

    # The file -------------------------------------------------------------------------------------------------------------------------

    def test(self, comment: str, flags: list[str], inputs: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        self.count += 1
        return {"tcId": self.count, "comment": comment, "flags": flags, "inputs": inputs, **answer}

    def document(self) -> dict[str, Any]:
        parameters = {"source": {"name": "kam3", "version": "1"}, "token": self.ps.token, "hash": self.ps.hash_name}
        test_groups = [
            {"type": kind, **parameters, "tests": tests}
            for kind, tests in (("Kam3Exchange", self.exchanges()), ("Kam3Server", self.server()), ("Kam3Client", self.client()))
        ]
        used = {flag for group in test_groups for test in group["tests"] for flag in test["flags"]}
        return {
            "algorithm": "KAM3",
            "schema": "kam3_exchange_schema.json",
            "header": [
                "RFC 8121. Octets are hexadecimal in the natural length of the parameter set; password, vh and t are octets;",
                "auth_scope, realm and user are text, hashed as UTF-8; nc is a decimal number. A secret S is",
                "least + INT(SHAKE256(label)) mod (r - least) with (scalar octets + 8) octets of output, unless the comment says",
                "otherwise. The labels are 'kam3 <token> <name> <n>', where name is s_c1 or s_s1 and n is 0; with the name of the",
                "value after a space where n was varied; with ' server' or ' client' after it where one side acts alone.",
            ],
            "notes": {flag: NOTES[flag] for flag in NOTES if flag in used},
            "numberOfTests": self.count,
            "testGroups": test_groups,
        }


def main() -> None:
    """Write one file for each parameter set."""
    for ps, name in NAMES.items():
        text = json.dumps(Maker(ps).document(), indent=1, ensure_ascii=True)
        (FOLDER / f"kam3_{name}_exchange_test.json").write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
