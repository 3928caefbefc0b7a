"""A transport adapter for requests that authenticates by HTTP Mutual.

    adapter = MutualAdapter()
    adapter.mutual.add("https://site.example/", "alice", password)
    session.mount("https://site.example/", adapter)

It is an adapter and no `AuthBase`, whose hook would come after Authorization has become part of what a redirect copies. `response.kam3`, or
`outcome_of`, tells what came of a request.
"""

from __future__ import annotations

from kam3.adapters.client_hops import outcome_of
from kam3.adapters.requests_hops import MutualSend, preauthenticate
from kam3.errors import MissingExtraError

try:
    from requests import RequestException
    from requests.adapters import HTTPAdapter
except ImportError as error:
    raise MissingExtraError("kam3.adapters.requests needs requests: pip install 'kam3[requests]'") from error

__all__ = ["MutualAdapter", "outcome_of", "preauthenticate"]


class MutualAdapter(MutualSend, HTTPAdapter):
    """An adapter to mount in a `requests.Session`; safe for threads, as far as sessions are.

    Args:
        mutual: as in `kam3.adapters.client_hops.ClientSide`, like `require`, `pass_redirects`, `ask` and `undefined_hash`.
        options: of `requests.adapters.HTTPAdapter`. Of `max_retries` that part counts which is about connecting.
    """

    error = RequestException
