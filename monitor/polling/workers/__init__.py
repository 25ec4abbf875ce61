"""Bulk polling in processes of its own, each for a share of the zones."""
