"""Asks nameservers, and says what became of every question."""
