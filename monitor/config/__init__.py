"""What does the operator want? One TOML file in, one frozen Config out, or every mistake in it."""
