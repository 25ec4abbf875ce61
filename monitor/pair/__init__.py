"""A primary and a secondary of our own, real servers with faults that can be switched on and off."""
