"""Code as users write it; mypy --strict must accept every line, and every ignored error must be one (test_typing.py)."""

from __future__ import annotations

from collections.abc import Iterator

import kam3


def register(password: str, user: str) -> bytes:
    alg = kam3.algorithm("iso-kam3-ec-p256-sha256")
    with kam3.Pi.from_password(
        alg, kam3.prepare_password(password), auth_scope="http://example.com:80", realm="r", user=kam3.prepare_user(user)
    ) as pi:
        return alg.j(pi)


def log_in(alg: kam3.Algorithm, pi: kam3.Pi | bytes, j: bytes | None) -> str:
    with kam3.ClientExchange(alg, pi) as client:
        text: str = alg.to_wire(client.kc1, "element")
        exchange = kam3.ServerExchange.fake(alg) if j is None else kam3.ServerExchange(alg, j, strict=True)
        with exchange.respond(alg.from_wire(text, kind="element")) as server, client.finish(server.ks1) as session:
            vkc: bytes = session.vkc(1, b"vh")
            try:
                vks: bytes = server.verify_vkc(vkc, 1, [b"old", b"vh"])
            except kam3.VerificationError as error:
                return str(error.argument)
            session.verify_vks(bytearray(vks), nc=1, vh=memoryview(b"vh"))
            server.verify_vkc(vkc, 1, b"vh")
            return (session.b1(b"vh") + server.b2(1, server.vh, b"t")).hex()


def many(alg: kam3.Algorithm, passwords: list[str]) -> Iterator[bytes]:
    for result in alg.pi_many(((p, "s", "r", "u") for p in passwords), threads=2, progress=lambda done, total: print(done, total)):
        if isinstance(result, Exception):
            raise result
        yield result


def both(alg: kam3.Algorithm, items: list[tuple[bytes, bytes, bytes]]) -> list[bytes]:
    return [result[1] for result in alg.respond_many(items) if not isinstance(result, Exception)]


def hot(alg: kam3.Algorithm, j: bytes, requests: list[tuple[bytes, bytes]]) -> list[bytes]:
    with alg.prepare_j(j) as prepared:
        session = kam3.ServerExchange(alg, prepared).respond(requests[0][0])
        session.close()
        answers = alg.respond_many((prepared, kc1, s_s1) for kc1, s_s1 in requests)
        return [alg.respond(prepared, *requests[0])[0], *(answer[0] for answer in answers if not isinstance(answer, Exception))]


def which() -> tuple[str, bool, tuple[str, ...]]:
    kam3.backends.use("reference")
    report = kam3.backends.report()
    return kam3.backends.active(), report.constant_time, report.cpu_features


def mistakes(alg: kam3.Algorithm, pi: kam3.Pi) -> None:
    alg.pi(5, auth_scope="", realm="", user="")  # type: ignore[arg-type]
    alg.pi("", "", "", "")  # type: ignore[call-arg]
    alg.vkc(b"", b"", b"", "1", b"")  # type: ignore[arg-type]
    alg.kc1("00")  # type: ignore[arg-type]
    alg.kc1(pi)  # type: ignore[arg-type]
    alg.prepare_j(pi)  # type: ignore[arg-type]
    alg.to_wire(b"", "j")  # type: ignore[arg-type]
    alg.generate_secret(role="both")  # type: ignore[arg-type]
    alg.token = ""  # type: ignore[misc]
    kam3.ClientExchange(alg, pi, s_c1=b"")  # type: ignore[call-arg]
    kam3.ServerExchange(alg, b"").respond(b"", s_s1=b"")  # type: ignore[call-arg]
    kam3.ServerExchange(alg, b"").respond(b"").vks  # type: ignore[attr-defined]  # noqa: B018
