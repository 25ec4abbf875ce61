"""The configuration: one TOML file in, one frozen Config out, or every mistake in it."""
