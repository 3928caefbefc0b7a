"""HTTP Mutual authentication (RFC 8120) without I/O: no socket, no clock and no randomness but what is passed in.

A request of a client is a sequence, and a request to a server a flow: generators that yield actions (`kam3.mutual.actions`) and are sent
their results, so that one text serves programs with threads and programs with an event loop. `kam3.adapters` drives them; `kam3.stores`
keeps what must survive between requests.
"""
