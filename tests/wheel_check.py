"""Check an installed wheel, with nothing but kam3 and Python there: the native backend is in it and computes what the reference computes.

Not a pytest module: cibuildwheel runs it in the environment where it has installed the wheel.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import kam3

#: The example of ``kam3 eval --help``: K_c1 = [5] G on P-256.
REQUEST = {"id": 7, "op": "kc1", "algorithm": "iso-kam3-ec-p256-sha256", "s_c1": "05".zfill(64)}
ANSWER = {"id": 7, "result": {"kc1": "00a2b216f4a2a281a5af0990ac10cd1fbfdf1905fa3eb7ca4842aa941b87a067da"}}


def exchange(algorithm: kam3.Algorithm, backend: str, s_c1: bytes, s_s1: bytes) -> dict[str, bytes]:
    """Compute every value of one exchange on one backend."""
    alg = algorithm.on(backend)
    pi = alg.pi("correct horse", auth_scope="example.com", realm="wheels", user="alice")
    j, kc1 = alg.j(pi), alg.kc1(s_c1)
    ks1, z = alg.respond(j, kc1, s_s1)
    values = {"pi": pi, "j": j, "kc1": kc1, "ks1": ks1, "z": z, "z_client": alg.z_client(pi, s_c1, kc1, ks1)}
    for name in ("vkc", "vks"):
        values[name] = getattr(alg, name)(kc1, ks1, z, 2**80, b"https://example.com:443")
    return values


def main() -> int:
    """Print one line for each check; 1 if one failed."""
    faults = 0

    def check(what: str, good: bool) -> None:
        nonlocal faults
        faults += not good
        print("ok   " if good else "WRONG", what)

    report = kam3.backends.report()
    print(report)
    check("the native backend serves", kam3.backends.active() == "native")
    for alg in kam3.ALGORITHMS:
        s_c1, s_s1 = alg.generate_secret(), alg.generate_secret()
        native, reference = (exchange(alg, name, s_c1, s_s1) for name in ("native", "reference"))
        check(f"{alg.token}: both sides agree on z", native["z"] == native["z_client"])
        differing = [name for name, value in native.items() if value != reference[name]]
        check(f"{alg.token}: native and reference agree on pi, J, K, z, VK {' '.join(differing)}", not differing)
    script = Path(sys.executable).with_name("kam3.exe" if sys.platform == "win32" else "kam3")
    result = subprocess.run([script, "eval"], input=json.dumps(REQUEST) + "\n", capture_output=True, text=True, check=False)
    check("kam3 eval answers its example", result.returncode == 0 and json.loads(result.stdout) == ANSWER)
    print("the wheel is good" if faults == 0 else f"{faults} checks failed")
    return min(faults, 1)


if __name__ == "__main__":
    sys.exit(main())
