"""Checking kam3 and other implementations of KAM3 against each other."""
