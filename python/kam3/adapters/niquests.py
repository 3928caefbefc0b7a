"""A transport adapter for niquests that authenticates by HTTP Mutual.

    adapter = MutualAdapter()
    adapter.mutual.add("https://site.example/", "alice", password)
    session.mount("https://site.example/", adapter)

It is an adapter and no `AuthBase`, whose hook would come after Authorization has become part of what a redirect copies. `response.kam3`, or
`outcome_of`, tells what came of a request.
"""

from __future__ import annotations

from typing import Any

from kam3.adapters.client_hops import outcome_of
from kam3.adapters.requests_hops import MutualSend
from kam3.errors import MissingExtraError
from kam3.mutual.client_actions import Outcome

try:
    from niquests import RequestException
    from niquests.adapters import HTTPAdapter
except ImportError as error:
    raise MissingExtraError("kam3.adapters.niquests needs niquests: pip install niquests") from error

__all__ = ["MutualAdapter", "outcome_of", "preauthenticate"]


class MutualAdapter(MutualSend, HTTPAdapter):
    """An adapter to mount in a `niquests.Session`; safe for threads, as far as sessions are.

    Args:
        mutual: as in `kam3.adapters.client_hops.ClientSide`, like `require`, `pass_redirects`, `ask` and `undefined_hash`.
        options: of `niquests.adapters.HTTPAdapter`. Of `max_retries` that part counts which is about connecting.
    """

    error = RequestException


def preauthenticate(session: Any, url: str, **options: Any) -> Outcome:
    """Log in to the realm of a URL by a HEAD request, before a stream is sent there.

    Args:
        session: with a `MutualAdapter` for the URL.
        url: that the stream will go to.
        options: of the request, such as `verify` and `timeout`.

    Returns:
        What came of it.

    Raises:
        UnprovedResponseError: as `MutualAdapter.send`, and all the others.
        LookupError: the session has no `MutualAdapter` for the URL.
    """
    return outcome_of(session.head(url, allow_redirects=False, **options))
