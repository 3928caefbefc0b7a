"""Which backend serves: the policy, the environment, the report. What depends on the process's history runs in processes of its own."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest

import kam3
from kam3 import backends
from kam3.errors import BackendUnavailableError
from tests.clib import ROOT

#: Stand in for a machine without the compiled core, or without gmpy2, and for one with a core of ours.
WITHOUT_CORE = "import sys; sys.modules['kam3._native'] = None"
WITHOUT_GMPY2 = "import sys; sys.modules['gmpy2'] = None"
WITH_CORE = """
import sys, types
from kam3.backends.reference import ReferenceBackend
from kam3.errors import BackendUnavailableError
class NativeBackend(ReferenceBackend):
    name = 'native'
    def __init__(self, cpu_path=None):
        super().__init__()
        if cpu_path is not None and cpu_path.encode('utf-8') != b'portable':
            raise BackendUnavailableError(f'no CPU path {cpu_path!r}', argument='cpu_path')
        self.asked = cpu_path
sys.modules['kam3.backends.native'] = types.ModuleType('kam3.backends.native')
sys.modules['kam3.backends.native'].NativeBackend = NativeBackend
"""


def python(program: str, **environment: str) -> str:
    """Run a program with warnings shown, and return what it wrote on both streams."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KAM3_")}
    finished = subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(program)],
        env=clean | {"PYTHONPATH": str(ROOT / "python")} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return finished.stdout


OPERATION = "kam3.EC_P256.kc1(bytes(31) + b'\\5')"
SHOW = f"""
import kam3
for _ in range(2):
    try:
        {OPERATION}
        print('served by', kam3.backends.active())
    except kam3.BackendUnavailableError as error:
        print('BackendUnavailableError', error.argument, error)
"""


def test_native_serves_where_it_is() -> None:
    assert python(WITH_CORE + SHOW) == "served by native\n" * 2


def test_gmpy2_serves_where_native_is_missing_and_warns_once() -> None:
    pytest.importorskip("gmpy2")
    said = python(WITHOUT_CORE + SHOW)
    assert said.count("served by gmpy2") == 2
    assert said.count("Kam3Warning") == 1
    assert "curve arithmetic is not constant time" in said


def test_the_warning_may_be_an_error() -> None:
    pytest.importorskip("gmpy2")
    said = python(f"{WITHOUT_CORE}\nimport warnings, kam3\nwarnings.simplefilter('error', kam3.Kam3Warning)\n{OPERATION}")
    assert "Kam3Warning" in said.splitlines()[-1]


def test_reference_never_serves_by_itself() -> None:
    said = python(f"{WITHOUT_CORE}\n{WITHOUT_GMPY2}\n{SHOW}")
    assert said.count("BackendUnavailableError") == 2
    assert "pip install 'kam3[gmpy2]'" in said
    assert "served" not in said


def test_importing_never_fails() -> None:
    said = python(
        f"{WITHOUT_CORE}\n{WITHOUT_GMPY2}\nimport kam3\nprint(len(kam3.__all__), kam3.EC_P256.token, kam3.backends.available())",
        KAM3_BACKEND="nonsense",
        KAM3_CPU="nonsense",
    )
    assert said == f"{len(kam3.__all__)} iso-kam3-ec-p256-sha256 ('reference',)\n"


def test_importing_is_light() -> None:
    heavy = {"cffi", "_cffi_backend", "gmpy2", "precis_i18n", "cryptography", "asyncio", "concurrent.futures", "kam3._native"}
    said = python("import sys; before = set(sys.modules); import kam3; print(*sorted(set(sys.modules) - before))").split()
    assert "kam3.exchange" in said
    assert heavy & set(said) == set()


@pytest.mark.parametrize("name", ["reference", "gmpy2"])
def test_environment_names_the_backend(name: str) -> None:
    if name not in backends.available():
        pytest.skip(f"{name} cannot run here")
    assert python(SHOW, KAM3_BACKEND=name) == f"served by {name}\n" * 2


def test_empty_environment_is_none() -> None:
    assert python(WITH_CORE + SHOW, KAM3_BACKEND="", KAM3_CPU="") == "served by native\n" * 2


@pytest.mark.parametrize("name", ["openssl", "Native", " native", "native,gmpy2"])
def test_wrong_name_in_the_environment(name: str) -> None:
    fault = f"there is no backend {name!r}; there are native, gmpy2, reference"
    assert python(SHOW, KAM3_BACKEND=name) == f"BackendUnavailableError KAM3_BACKEND KAM3_BACKEND={name!r}: {fault}\n" * 2


def test_missing_backend_in_the_environment() -> None:
    assert "pip install 'kam3[gmpy2]'" in python(WITHOUT_GMPY2 + SHOW, KAM3_BACKEND="gmpy2")
    assert "the compiled core of kam3 cannot be loaded" in python(f"{WITHOUT_CORE}\n{SHOW}", KAM3_BACKEND="native")


def test_environment_names_the_cpu_path() -> None:
    show = f"{SHOW}\nprint(kam3.backends.get('native').asked)"
    assert python(WITH_CORE + show, KAM3_CPU="portable").endswith("served by native\nportable\n")
    assert python(WITH_CORE + show).endswith("None\n")


def test_wrong_cpu_path_does_not_lead_to_less_protection() -> None:
    said = python(WITH_CORE + SHOW, KAM3_CPU="warp")
    assert said == "BackendUnavailableError KAM3_CPU KAM3_CPU='warp': no CPU path 'warp'\n" * 2


def test_cpu_path_that_is_no_text() -> None:
    assert python(WITH_CORE + SHOW, KAM3_CPU=os.fsdecode(b"\xff")).count("BackendUnavailableError KAM3_CPU KAM3_CPU='\\udcff'") == 2


# In this process


def test_available_is_a_choice_of_all() -> None:
    found = backends.available()
    assert "reference" in found
    assert [name for name in backends.NAMES if name in found] == list(found)


def test_use_and_get(backend: str) -> None:
    assert backends.active() == backend == backends.get().name
    assert backends.get() is backends.get(backend)
    backends.use("reference")
    assert backends.active() == "reference"


@pytest.mark.parametrize("name", ["", "openssl", "REFERENCE", "../native"])
def test_unknown_names(name: str) -> None:
    for function in (backends.use, backends.get, backends.report):
        with pytest.raises(BackendUnavailableError, match="there are native, gmpy2, reference"):
            function(name)


@pytest.mark.parametrize("name", [None, 5, b"native"])
def test_names_are_text(name: Any) -> None:
    with pytest.raises(TypeError, match="name must be a str"):
        backends.use(name)


def test_failed_use_changes_nothing(backend: str) -> None:
    with pytest.raises(BackendUnavailableError):
        backends.use("openssl")
    assert backends.active() == backend


def test_report(backend: str) -> None:
    report = backends.report()
    assert report == backends.report(backend)
    assert (report.backend, report.version) == (backend, kam3.__version__)
    assert report.constant_time == (backend == "native")
    assert report.cpu_path
    assert report.build
    assert all(isinstance(feature, str) for feature in report.cpu_features)
    with pytest.raises(AttributeError):
        report.backend = "other"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(report)) == report


@pytest.mark.filterwarnings("ignore::kam3.Kam3Warning")
def test_threads_make_one_choice() -> None:
    backends._active = None
    backends._instances.clear()
    gate, found = threading.Barrier(8), []

    def choose() -> None:
        gate.wait()
        found.append(backends.get())

    threads = [threading.Thread(target=choose) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_a_child_can_choose_while_a_thread_of_its_parent_chose() -> None:
    from tests.spying import in_child

    with backends._lock:
        done: list[str] = []
        thread = threading.Thread(target=lambda: done.append(in_child(lambda: backends.get("reference").name)))
        thread.start()
        thread.join(30)
    assert done == ["reference"]
