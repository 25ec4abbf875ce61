"""Waits until the servers of a zone have a change, without a service."""
