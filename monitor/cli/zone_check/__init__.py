"""One zone, looked at now, without a service."""
