"""Implementations of the seams without network or disk, held to the same contract suites as those of the product."""
