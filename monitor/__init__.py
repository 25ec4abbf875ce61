"""Runs the checks and the alerting against the world."""
