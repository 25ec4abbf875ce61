"""The database: zone states, history, alerts, incidents and the outbox in one SQLite file."""
