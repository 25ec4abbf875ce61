"""All that is known while the service runs: how polls become results, alerts and commits, and what is shown of it."""
