"""The client: what threads and tasks share, and the way to a sequence of requests."""

from __future__ import annotations

import time
from collections.abc import Callable

from kam3.algorithms import algorithm
from kam3.errors import RemoteProtocolError
from kam3.mutual.actions import Steps
from kam3.mutual.client_actions import Credentials, Outcome
from kam3.mutual.client_credentials import Credential
from kam3.mutual.client_memory import Memory
from kam3.mutual.client_sequence import Sequence
from kam3.mutual.realms import Origin, Realm, check_scope
from kam3.mutual.validation import Channel


class MutualClient:
    """The client side of RFC 8120: what it knows of users, realms and sessions, safe for any number of threads and tasks.

    In a forked child it makes sessions of its own.

    Args:
        clock: seconds that never go back.
        share: let the servers inside one auth-scope share credentials, as RFC 8120 section 5 means it; else each has its own.
        proxy: the URL of a proxy: the messages of this client are those to that proxy, 407 and the Proxy- fields, whatever URL a request
            is for (RFC 8120 section 14). What it knows stays apart from every other `MutualClient`.

    Raises:
        ValueError: `proxy` is no http or https URL.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, share: bool = True, proxy: str | None = None) -> None:
        self._memory = Memory(clock, share=share, proxy=None if proxy is None else Origin.parse(proxy))

    @property
    def proxy(self) -> Origin | None:
        """The proxy that the messages are for, None where they are for origins."""
        return self._memory.proxy

    def add(self, url: str, user: str, password: str | bytes, *, realm: Realm | None = None, prepare: bool = True) -> None:
        """Give credentials for the origin of a URL; they replace what was given for it and the same `realm`, with the sessions of that.

        Args:
            url: an absolute URL of the origin; for a proxy that of the proxy.
            user: the user name.
            password: text, or octets that are taken as they are.
            realm: the realm that may have them, which is then expected on the whole origin until it says more; without it the first
                realm there that proves itself.
            prepare: prepare user and password text (RFC 8120 section 9).

        Secret: the password; a copy of it is kept that can be wiped.

        Raises:
            ValueError: no http or https URL, or not that of the proxy; the preparation refuses user or password; or the scope of `realm`
                does not cover the origin, or is not the host of the proxy.
            UnknownAlgorithmError: the algorithm of `realm` is none of RFC 8121.
            MissingExtraError: characters beyond ASCII or a wildcard scope, and the extra ``[http]`` is not installed.
        """
        origin = Origin.parse(url)
        if self.proxy not in (None, origin):
            raise ValueError(f"the credentials of this client are for the proxy {self.proxy}")
        if realm is not None:
            algorithm(realm.algorithm)
            check_scope(realm.auth_scope, origin)
            if self.proxy is not None and realm.auth_scope != origin.host:
                raise ValueError("the auth-scope of a proxy must be its host name (RFC 8120 section 14)")
        self._memory.add(Credential(Credentials(user, password), origin, realm, asked=False, prepare=prepare))

    def log_out(self, realm: Realm) -> str | None:
        """Forget a realm: passwords, pi, z, sids and paths, on all servers. What is under way in it fails.

        Returns:
            Where its server wants the user to go then (RFC 8053 section 4.5), or None: a page that was got by GET is loaded again plainly.
        """
        return self._memory.log_out(realm)

    def close(self) -> None:
        """Forget all credentials and sessions."""
        self._memory.close()

    def realm_of(self, url: str) -> Realm | None:
        """Return the realm that a URL is expected in, by what has been learned so far.

        Raises:
            ValueError: no http or https URL.
        """
        return self._memory.realm_of(url, self._memory.origin_of(url))

    def sequence(self, method: str, url: str, *, channel: Channel | None = None, once: bool = False) -> Steps[Outcome]:
        """Begin one request of the user.

        Args:
            method: of the request.
            url: absolute; each redirect is a sequence of its own. For CONNECT ``https://host:port/``.
            channel: the connection that the first request will take, where it is known; so its certificate can be looked at before.
            once: the body can be sent once only. Key exchanges, and the first request to an unknown URL, are then made by HEAD.

        Returns:
            The steps. Close them if you do not come to their end; others may wait for them.

        Raises:
            ValueError: from the steps: no http or https URL.
            RemoteProtocolError: from the steps: a fatal communication error. Nothing of the response may be used.
            RetryableProtocolError: one of them that a fresh sequence may overcome.
            LocalProtocolError: from the steps: the credentials were forgotten meanwhile, or an answer came from another origin.
        """
        steps = Sequence(self._memory, method, url, channel, once).steps()
        return steps if self.proxy is None else _at_proxy(self.proxy, steps)


def _at_proxy(proxy: Origin, steps: Steps[Outcome]) -> Steps[Outcome]:
    """Say in every reason and error that it is about a proxy."""
    try:
        outcome = yield from steps
    except RemoteProtocolError as error:
        raise type(error)(f"proxy {proxy}: {error}", code=error.code, reason=error.reason, argument=error.argument) from None
    outcome.reason = outcome.reason._replace(text=f"proxy {proxy}: {outcome.reason.text}")
    return outcome
