"""What outlives a request: tables of sessions and stores of credentials, behind the protocols of `kam3.mutual`."""
