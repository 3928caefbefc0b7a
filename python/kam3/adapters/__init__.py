"""Thin layers that put `kam3.mutual` into the clients and servers people use; each imports its library when it is used."""
