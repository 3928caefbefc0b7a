"""``kam3 passwd``: users and their passwords in a store of credentials."""

from __future__ import annotations

import argparse
import csv
import getpass
import hmac
import io
import json
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import kam3
from kam3.cli.options import add_backend, add_json
from kam3.cli.terminal import print_table, progress
from kam3.errors import InvalidElementError, Kam3Error, UnknownAlgorithmError
from kam3.mutual.realms import Realm
from kam3.stores import keys
from kam3.stores.credentials import mismatch, open_store

if TYPE_CHECKING:
    from kam3.cli.options import Subparsers
    from kam3.cli.terminal import Step
    from kam3.stores.credentials import ManagedCredentialStore

_DESCRIPTION = """\
Add a user, or change a password (the store is made if there is none); or remove,
check, list or import users. A password comes from a prompt or from standard
input, never from an argument. What is stored is J, from which nobody can log in;
but who has it can pass for the server and can try passwords: guard it like a key.

A password is bound to algorithm, auth-scope, realm and user: moved to another
host or port, a single-server scope voids it. Without --algorithm, those count
under which the user is stored, and for a new one iso-kam3-ec-p256-sha256."""

_EPILOG = """\
example:
  kam3 passwd users.sqlite alice --auth-scope https://example.com --realm Members
  kam3 passwd users.sqlite --list
  kam3 passwd users.sqlite --import new.csv --auth-scope https://example.com
  kam3 passwd users.sqlite --seal --reseal --key-file keys
  kam3 passwd postgresql://localhost/site alice --check --auth-scope https://example.com"""


class _Person(NamedTuple):
    """A line of an import, prepared."""

    line: int
    user: str
    password: str


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Define the command's arguments."""
    parser = commands.add_parser(
        "passwd",
        help="add, change, remove, check, list or import users and passwords",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", metavar="STORE", help="an SQLite file, or a URL of SQLAlchemy (postgresql://...)")
    parser.add_argument("user", metavar="USER", nargs="?", help="the name of the user")
    parser.add_argument("--auth-scope", metavar="S", help="the scope of the realm: https://host[:port], a host, or *.domain")
    parser.add_argument("--realm", metavar="R", default="kam3", help="the name of the realm; kam3 if left out")
    parser.add_argument("--algorithm", metavar="TOKEN", action="append", type=_algorithm, help="an algorithm; may be repeated")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--remove", action="store_true", help="remove the user")
    modes.add_argument("--check", action="store_true", help="check the user's password: status 0 if it is right, else 1")
    modes.add_argument("--list", action="store_true", help="list users: all, or those that the other options leave")
    modes.add_argument("--import", dest="table", metavar="FILE", help="add the users of a CSV file, user,password; - is standard input")
    modes.add_argument("--reseal", action="store_true", help="with --seal: seal every J under the newest key, whatever it was under")
    parser.add_argument("--password-stdin", action="store_true", help="take the password from the first line of standard input")
    parser.add_argument("--seal", action="store_true", help="the store keeps J sealed under the key file")
    parser.add_argument("--key-file", metavar="FILE", help="for --seal; without it the one that KAM3_KEY_FILE names ('kam3 key new')")
    add_backend(parser)
    add_json(parser)
    return parser


def _algorithm(token: str) -> kam3.Algorithm:
    try:
        return kam3.algorithm(token)
    except UnknownAlgorithmError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(arguments: argparse.Namespace) -> int:
    """Do it; 0 done, 1 not done, not right, or not all of it."""
    _check_usage(arguments)
    if arguments.backend is not None:
        kam3.backends.use(arguments.backend)
    creating = not (arguments.remove or arguments.check or arguments.list or arguments.reseal)
    store = open_store(arguments.store, _keys(arguments), create=creating)
    try:
        if arguments.list:
            return _list(store, arguments)
        if arguments.reseal:
            return _reseal(store, arguments.store)
        if arguments.table is not None:
            return _import(store, arguments)
        return _one(store, arguments)
    finally:
        store.close()


def _check_usage(arguments: argparse.Namespace) -> None:
    error = arguments.parser.error
    if arguments.list or arguments.table is not None:
        if arguments.user is not None and arguments.table is not None:
            error("--import takes the users from the file")
    elif arguments.reseal:
        if not arguments.seal or arguments.user is not None:
            error("--reseal goes with --seal, and with all users")
    elif arguments.user is None:
        error("USER is needed")
    if not (arguments.list or arguments.reseal or arguments.auth_scope):
        error("--auth-scope is needed: a password is bound to it")
    if arguments.json and not arguments.list:
        error("--json goes with --list")
    if arguments.key_file and not arguments.seal:
        error("--key-file goes with --seal")


def _keys(arguments: argparse.Namespace) -> tuple[bytes, ...]:
    if not arguments.seal:
        return ()
    path: str = keys.configured(arguments.key_file) or ""
    if not path:
        arguments.parser.error("--seal needs --key-file FILE, or KAM3_KEY_FILE")
    return keys.read(path)


def _one(store: ManagedCredentialStore, arguments: argparse.Namespace) -> int:
    """Add, change, remove or check one user."""
    user = _prepared(arguments.user, kam3.prepare_user)
    stored = [alg for alg in kam3.ALGORITHMS if store.find(_realm(arguments, alg), user) is not None]
    algorithms = arguments.algorithm or stored or [kam3.EC_P256]
    for alg in algorithms:
        if alg not in stored:
            _warn(mismatch(store, _realm(arguments, alg)))
    if arguments.remove or arguments.check:
        missing = [alg for alg in algorithms if alg not in stored]
        if missing:
            print(f"kam3: no such user under {', '.join(alg.token for alg in missing)}", file=sys.stderr)
            return 1
    if arguments.remove:
        for alg in algorithms:
            store.remove(_realm(arguments, alg), user)
        print(f"removed {_shown(user)}")
        return 0
    password = _password(arguments)
    if arguments.check:
        return _check(store, arguments, algorithms, user, password)
    for alg in algorithms:
        realm = _realm(arguments, alg)
        store.put(realm, user, _j(alg, realm, user, password))
    left = [alg.token for alg in stored if alg not in algorithms]
    if left:
        _warn(f"the user keeps the former password under {', '.join(left)}")
    print(f"{'changed' if stored else 'added'} {_shown(user)}")
    return 0


def _check(store: ManagedCredentialStore, arguments: argparse.Namespace, algorithms: list[kam3.Algorithm], user: str, password: str) -> int:
    for alg in algorithms:
        realm = _realm(arguments, alg)
        kept = store.find(realm, user) or b""
        if not _is_element(alg, kept):
            raise Kam3Error(f"what is stored under {alg.token} cannot be used: it is corrupt, or sealed under another key")
        if not hmac.compare_digest(kept, _j(alg, realm, user, password)):
            print(f"kam3: the password is not right under {alg.token}", file=sys.stderr)
            return 1
    print("the password is right")
    return 0


def _list(store: ManagedCredentialStore, arguments: argparse.Namespace) -> int:
    algorithms = None if arguments.algorithm is None else {alg.token for alg in arguments.algorithm}
    entries = [
        entry
        for entry in store.entries()
        if (arguments.user is None or entry.user == arguments.user)
        and (not arguments.auth_scope or (entry.realm.auth_scope, entry.realm.realm) == (arguments.auth_scope, arguments.realm))
        and (algorithms is None or entry.realm.algorithm in algorithms)
    ]
    if arguments.json:
        print(json.dumps({"users": [{"user": entry.user, **entry.realm._asdict()} for entry in entries]}))
    else:
        rows = [tuple(map(_shown, (entry.user, *entry.realm))) for entry in entries]
        print_table(("user", "algorithm", "auth-scope", "realm"), rows)
    return 0


def _reseal(store: ManagedCredentialStore, location: str) -> int:
    """Seal every J anew: those under former keys, and those that were kept plain; tell of those that cannot be read."""
    entries, sealed, adopted = list(store.entries()), 0, 0
    plain = open_store(location)
    try:
        for entry in entries:
            alg = kam3.algorithm(entry.realm.algorithm)
            j = next((j for j in (store.find(*entry), plain.find(*entry)) if j is not None and _is_element(alg, j)), None)
            if j is None:
                place = ", ".join(map(_shown, entry.realm))
                print(f"kam3: J of {_shown(entry.user)} ({place}) is corrupt, or sealed under a missing key", file=sys.stderr)
                continue
            sealed += 1
            adopted += j == plain.find(*entry)
            store.put(*entry, j)
    finally:
        plain.close()
    print(f"sealed {sealed} of {len(entries)} under the newest key; {adopted} were plain")
    return 0 if sealed == len(entries) else 1


def _is_element(alg: kam3.Algorithm, octets: bytes) -> bool:
    try:
        alg.check_element(octets)
    except InvalidElementError:
        return False
    return True


def _import(store: ManagedCredentialStore, arguments: argparse.Namespace) -> int:
    """Add the users of a table; what cannot be added is told by its line, and the rest goes on."""
    refused: list[str] = []
    people = list(_people(_table_text(arguments.table), refused))
    algorithms = arguments.algorithm or [kam3.EC_P256]
    for alg in algorithms:
        _warn(mismatch(store, _realm(arguments, alg)))
    total = 0
    with progress(len(people) * len(algorithms) or 1) as step:
        for alg in algorithms:
            total += store.put_many(_credentials(alg, _realm(arguments, alg), people, refused, step))
    for alg in set(kam3.ALGORITHMS) - set(algorithms):
        realm = _realm(arguments, alg)
        left = sum(store.find(realm, person.user) is not None for person in people) if realm in dict(store.realms()) else 0
        _warn(f"{left} of them keep a former password under {alg.token}" if left else None)
    for text in refused:
        print(f"kam3: {text}", file=sys.stderr)
    print(f"added or changed {total // len(algorithms)} users" + (f", refused {len(refused)} lines" if refused else ""))
    return 1 if refused else 0


def _table_text(path: str) -> str:
    octets = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass  # raised below, outside this block: the codec's error holds the passwords
    raise Kam3Error("the table must be UTF-8 text")


def _people(text: str, refused: list[str]) -> Iterator[_Person]:
    reader, seen = csv.reader(io.StringIO(text), strict=True), dict[str, int]()
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            refused.append(f"line {reader.line_num}: {error}; the lines after it were not read")
            return
        line = reader.line_num
        if not row:
            continue
        try:
            if len(row) != 2:
                raise ValueError("a line must be user,password")
            user, password = kam3.prepare_user(row[0]), kam3.prepare_password(row[1])
            if user in seen:
                raise ValueError(f"the user of line {seen[user]} again")
        except ValueError as error:
            refused.append(f"line {line}: {error}")
            continue
        seen[user] = line
        yield _Person(line, user, password)


def _credentials(
    alg: kam3.Algorithm, realm: Realm, people: list[_Person], refused: list[str], step: Step
) -> Iterator[tuple[Realm, str, bytes]]:
    """Compute J of all, over all cores, in order."""
    waiting: deque[_Person] = deque()

    def pis() -> Iterator[tuple[bytes]]:
        items = [(person.password, realm.auth_scope, realm.realm, person.user) for person in people]
        for person, pi in zip(people, alg.pi_many(items), strict=True):
            step(alg.token)
            if isinstance(pi, Exception):
                refused.append(f"line {person.line}: {pi}")
            else:
                waiting.append(person)
                yield (pi,)

    for j in alg.j_many(pis()):
        person = waiting.popleft()
        if isinstance(j, Exception):
            refused.append(f"line {person.line}: {j}")
        else:
            yield realm, person.user, j


def _realm(arguments: argparse.Namespace, alg: kam3.Algorithm) -> Realm:
    return Realm(alg.token, arguments.auth_scope, arguments.realm)


def _j(alg: kam3.Algorithm, realm: Realm, user: str, password: str) -> bytes:
    with kam3.Pi.from_password(alg, password, auth_scope=realm.auth_scope, realm=realm.realm, user=user) as pi:
        return alg.j(pi)


def _password(arguments: argparse.Namespace) -> str:
    """Return the prepared password: from standard input, from the prompt, from the prompt twice if it is a new one."""
    if arguments.password_stdin:
        line = sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            text = None
        if text is None:  # raised outside the block: the codec's error holds the password
            raise Kam3Error("the password must be UTF-8 text")
    else:
        try:
            text = getpass.getpass("Password: ")
            if not arguments.check and text != getpass.getpass("Once more: "):
                raise Kam3Error("the two are not the same; nothing was changed")
        except EOFError:
            raise Kam3Error("no password was given") from None
    return _prepared(text, kam3.prepare_password)


def _prepared(text: str, prepare: Callable[[str], str]) -> str:
    try:
        return prepare(text)
    except ValueError as error:
        raise Kam3Error(str(error)) from None


def _warn(text: str | None) -> None:
    if text is not None:
        warnings.warn(text, kam3.Kam3Warning, stacklevel=2)


def _shown(text: str) -> str:
    """Return a text that does nothing to a terminal."""
    return text if text.isprintable() else ascii(text)
