"""Sealed blobs: secrets that leave this process under AES-256-GCM, for a store that need not be trusted with them. Needs ``[http]``.

A blob is, in octets:

====== ====== ==========================================================================================
offset length content
====== ====== ==========================================================================================
0      1      version and purpose: 0x01 a session, 0x41 a credential
1      1      the number of the algorithm in `kam3.sets`
2      8      key id: which key of 32 octets it is sealed under, HMAC-SHA256(key, "kam3 key id") cut short
10     32     salt, random
42     n      ciphertext
42 + n 16     the tag of GCM
====== ====== ==========================================================================================

The blob's own key is HKDF-SHA256(key, salt, "kam3 seal"), 32 octets. It encrypts this one blob, so the nonce of GCM is 12 zero octets.
Authenticated besides is everything before the ciphertext, and then the context, which the blob does not hold: who opens it must know
where it belongs. A session's plaintext is an octet that is 1 for a fake session and else 0, then K_c1, K_s1, z; a credential's is J.
"""

from __future__ import annotations

import functools
import hmac
import os
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from kam3 import arguments
from kam3.algorithms import ALGORITHMS, Algorithm
from kam3.errors import MissingExtraError, SealError
from kam3.session import ServerSession

if TYPE_CHECKING:
    from kam3.memory import Octets, SecretMemory
    from kam3.sets import ParameterSet

KEY_OCTETS = 32
SESSION, CREDENTIAL = 0x01, 0x41

_KEY_ID, _SALT, _TAG, _NONCE = 8, 32, 16, bytes(12)
_HEADER = 2 + _KEY_ID + _SALT

#: What a blob has beyond its plaintext.
OVERHEAD = _HEADER + _TAG

#: Old versions of the library want room for a block beyond what they write.
_SLACK = 15

_BY_NUMBER = {alg.parameters.number: alg for alg in ALGORITHMS}


def key_id(key: Octets) -> bytes:
    """Return the 8 octets by which blobs name their key, public.

    Raises:
        TypeError: `key` is no octets.
        ValueError: it is not 32 octets long.
    """
    return hmac.digest(_checked_key("key", key), b"kam3 key id", "sha256")[:_KEY_ID]


def seal(purpose: int, ps: ParameterSet, key: Octets, context: Octets, *plain: bytes | memoryview) -> bytes:
    """Encrypt pieces of a plaintext, one after the other, without ever joining them.

    Raises:
        TypeError: `key` or `context` is no octets.
        ValueError: `key` is not 32 octets long, or `context` is empty.
        OSError: the operating system gives no random octets.
        MissingExtraError: the extra ``[http]`` is not installed.
    """
    bound = _checked_context(context)
    header = bytes((purpose, ps.number)) + key_id(key) + os.urandom(_SALT)
    encryptor = _cipher(key, header).encryptor()
    encryptor.authenticate_additional_data(header + bound)
    ciphertext = b"".join([encryptor.update(piece) for piece in plain])
    return b"".join((header, ciphertext, encryptor.finalize(), encryptor.tag))


def unseal(
    purpose: int, blob: Octets, keys: Sequence[Octets], context: Octets, extra: int, elements: int
) -> tuple[Algorithm, SecretMemory]:
    """Decrypt into wiped memory.

    Args:
        purpose: what the blob must be for.
        blob: what `seal` returned.
        keys: the current and the former keys.
        context: as at sealing.
        extra: the octets of the plaintext before its elements.
        elements: how many group elements it holds.

    Returns:
        The algorithm, and memory of the active backend that begins with the plaintext (there is some room beyond it), to be wiped by
        the caller.

    Raises:
        SealError: the blob is not one sealed under one of the keys for this purpose and context.
        TypeError, ValueError, MissingExtraError, BackendUnavailableError: as `ServerSession.unseal`.
    """
    octets, bound = arguments.public("blob", blob), _checked_context(context)
    own_keys = checked_keys(keys)
    alg = _BY_NUMBER.get(octets[1]) if len(octets) >= OVERHEAD and octets[0] == purpose else None
    if alg is None:
        raise _refused()
    length = extra + elements * alg.element_octets
    key = next((key for key in own_keys if key_id(key) == octets[2 : 2 + _KEY_ID]), None)
    if key is None or len(octets) != OVERHEAD + length:
        raise _refused()
    memory = alg._backend().allocate(length + _SLACK)
    try:
        _decrypt(key, octets, bound, memory)
    except BaseException:
        memory.wipe()
        raise
    return alg, memory


def _decrypt(key: Octets, blob: bytes, context: bytes, memory: SecretMemory) -> None:
    header, ciphertext, tag = blob[:_HEADER], blob[_HEADER:-_TAG], blob[-_TAG:]
    decryptor = _cipher(key, header, tag).decryptor()
    decryptor.authenticate_additional_data(header + context)
    decryptor.update_into(ciphertext, memory.view())  # not to be looked at before the tag
    try:
        decryptor.finalize()
    except _library().InvalidTag:
        pass
    else:
        return
    raise _refused()


def _cipher(key: Octets, header: bytes, tag: bytes | None = None) -> Any:
    """Return AES-256-GCM under the blob's own key. Python cannot wipe that key; it opens this blob and nothing else."""
    library = _library()
    derived = library.HKDF(library.SHA256(), KEY_OCTETS, header[-_SALT:], b"kam3 seal").derive(arguments.secret("key", key))
    return library.Cipher(library.AES(derived), library.GCM(_NONCE, tag))


@functools.cache  # the imports alone would take longer than all the rest
def _library() -> Any:
    """Return what we take from cryptography, by its names there."""
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES
        from cryptography.hazmat.primitives.ciphers.modes import GCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError as error:
        raise MissingExtraError("sealing needs cryptography: pip install 'kam3[http]'") from error
    return SimpleNamespace(InvalidTag=InvalidTag, Cipher=Cipher, AES=AES, GCM=GCM, SHA256=SHA256, HKDF=HKDF)


def seal_session(session: ServerSession, key: Octets, context: Octets) -> bytes:
    """Do the work of `ServerSession.seal`, under the session's lock."""
    fake = b"\x01" if session._fake else b"\x00"
    return seal(SESSION, session._parameters, key, context, fake, session._kc1, session._ks1, session._z.view())


def unseal_session(blob: Octets, keys: Sequence[Octets], context: Octets) -> ServerSession:
    """Do the work of `ServerSession.unseal`."""
    alg, memory = unseal(SESSION, blob, keys, context, 1, 3)
    session = None
    try:
        octets, width = memory.view(), alg.element_octets
        session = ServerSession._begin_unverified(alg.parameters, alg._backend(), octets[0] != 0)
        session._kc1, session._ks1 = bytes(octets[1 : 1 + width]), bytes(octets[1 + width : 1 + 2 * width])
        session._z.view()[:] = octets[1 + 2 * width : 1 + 3 * width]
        return session
    except BaseException:
        if session is not None:
            session.close()
        raise
    finally:
        memory.wipe()


def _checked_key(argument: str, key: Octets) -> bytes | bytearray | memoryview:
    octets = arguments.secret(argument, key)
    if len(octets) != KEY_OCTETS:
        raise ValueError(f"{argument} must be exactly {KEY_OCTETS} octets long, not {len(octets)}")
    return octets


def checked_keys(keys: Sequence[Octets]) -> tuple[bytes, ...]:
    """Return the current and the former keys of a server.

    Secret: the keys.

    Raises:
        TypeError: `keys` is no sequence, or a key no octets.
        ValueError: there is no key, or one is not 32 octets long.
    """
    if not isinstance(keys, Sequence) or isinstance(keys, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"keys must be a sequence of keys, not {type(keys).__name__}")
    if not keys:
        raise ValueError("keys must hold at least one key")
    return tuple(bytes(_checked_key("each of keys", key)) for key in keys)


def _checked_context(context: Octets) -> bytes:
    octets = arguments.public("context", context)
    if not octets:
        raise ValueError("context must not be empty: it says where the blob belongs")
    return octets


def _refused() -> SealError:
    """Return the one error for all that can be wrong, so that nobody learns how far he came."""
    return SealError("blob is not one that was sealed under one of keys for this context", argument="blob")
