"""The way of the client on `http.client` through a proxy with Mutual authentication (RFC 8120 section 14).

`http.client` has tunnels of its own, but shows the fields of the answer to CONNECT to nobody; here the proxy's proof in them is checked
before the first octet of TLS is sent.
"""

from __future__ import annotations

import http.client
import logging
from typing import NamedTuple

from kam3.adapters.client_driving import SHOWN_WHEN_WITHHELD, Ask, drive
from kam3.adapters.stdlib_connections import Body, Carrier, Connection, Content, Dial, Pool, bare, without_content
from kam3.adapters.tls_in_tls import wrap
from kam3.errors import UnprovedResponseError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import Outcome, Response, Send, Status
from kam3.mutual.realms import Origin

_log = logging.getLogger("kam3.http")

#: What is delivered of an answer that a proxy gives in place of the origin, beside its status: the rest would pass for the origin's.
_SHOWN = (*SHOWN_WHEN_WITHHELD, "Proxy-Authenticate")


class AnsweredByProxyError(Exception):
    """The proxy has answered in place of the origin: it wants a log-in that cannot be had, or has failed."""

    def __init__(self, outcome: Outcome, content: Content) -> None:
        super().__init__(outcome.reason.text)
        self.outcome, self.content = outcome, content


class Message(NamedTuple):
    """A request as it goes to a proxy."""

    method: str
    url: str
    target: str
    body: Body = None
    fields: dict[str, str] = {}  # noqa: RUF012 - never changed


class Through:
    """The way through one proxy; safe for threads.

    Args:
        mutual: a `MutualClient` for the proxy.
        dial: how connections are opened.
        require: refuse what the proxy has not proved.
        ask: asks somebody for credentials.
    """

    def __init__(self, mutual: MutualClient, dial: Dial, *, require: bool, ask: Ask | None) -> None:
        if mutual.proxy is None:
            raise ValueError("proxy must be a URL, or a MutualClient made with proxy=")
        self.mutual, self.origin = mutual, mutual.proxy
        self._dial, self._require, self._ask = dial, require, ask
        self.pool = Pool(lambda origin: Connection.open(origin, dial))

    def carrier(self) -> Carrier:
        """Return what carries requests to the proxy."""
        return Carrier(self.pool, self.origin)

    def send(self, carrier: Carrier, message: Message, *, once: bool) -> tuple[http.client.HTTPResponse, Outcome]:
        """Send a request until the proxy has passed it on.

        Args:
            carrier: to the proxy.
            message: the request.
            once: it can be sent once only, because of its body or of what it proves to the origin.

        Returns:
            The response, of which only the header section has been read, and what the proxy has proved.

        Raises:
            AnsweredByProxyError: the response is not the origin's.
            UnprovedResponseError: the proxy has not proved itself, and must.
            RemoteProtocolError: a fatal communication error with the proxy, or one that a fresh attempt may overcome.
        """

        def transmit(send: Send) -> Response:
            connection = carrier.ready(send)
            method, _, target, body, fields = message
            if send.probe:
                method, body, fields = "HEAD", None, without_content(fields)
                fields = {name: value for name, value in fields.items() if name != "Authorization"}
            if send.authorization is not None:
                fields = {**fields, "Proxy-Authorization": send.authorization}
            named = ", ".join(f"{name}: Mutual" for name in ("Authorization", "Proxy-Authorization") if name in fields)
            _log.debug("> %s %s (to proxy %s)%s", method, target, self.origin, named and f", {named}")
            response = carrier.transmit(connection, method, target, body, fields)
            _log.debug("< %s", response.status)
            return Response(response.status, lambda name: response.headers.get_all(name, []), connection.channel)

        steps = self.mutual.sequence(message.method, message.url, channel=carrier.open().channel, once=once)
        outcome, response = drive(steps, transmit, self._ask), carrier.response
        if response is None:
            raise http.client.ResponseNotReady
        if outcome.status is Status.AUTH_REQUIRED or outcome.withheld:
            raise AnsweredByProxyError(outcome, bare(response, _SHOWN))
        if self._require and not outcome.proved:
            raise UnprovedResponseError(f"response with status {response.status}: {outcome.reason.text}")
        return response, outcome

    def tunnel(self, origin: Origin) -> Connection:
        """Open a tunnel to an https server, and TLS in it.

        Raises:
            OSError: no connection to the proxy, or the proxy makes none to the server.
            Kam3Error: as `send`.
        """
        target = f"{origin.host}:{origin.port}"
        message = Message("CONNECT", f"https://{target}/", target, fields={"Host": target})
        for _ in range(2):
            with self.carrier() as carrier:
                try:
                    response, outcome = self.send(carrier, message, once=False)
                except (ConnectionError, http.client.BadStatusLine):
                    if carrier.reused:  # an idle connection that was lost: this one is safe to try again
                        continue
                    raise
                if not 200 <= response.status < 300:
                    raise ConnectionRefusedError(f"proxy {self.origin} makes no tunnel to {target}: status {response.status}")
                response.read()  # nothing: it closes the response, not the connection
                return self._secured(origin, carrier.detach(), outcome)
        raise ConnectionResetError(f"proxy {self.origin} closes its connections")

    def _secured(self, origin: Origin, carrying: Connection, outcome: Outcome) -> Connection:
        """Begin TLS in a tunnel."""
        context, inner = self._dial.context(), carrying.http.sock
        try:
            sock = wrap(context, inner, origin.host.strip("[]"))
        except BaseException:
            inner.close()
            raise
        made = http.client.HTTPSConnection(origin.host, origin.port, timeout=self._dial.timeout, context=context)
        made.sock = sock  # a socket, as far as it is needed
        return Connection(made, origin, self._dial, outcome)
