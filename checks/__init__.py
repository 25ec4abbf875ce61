"""What is true about a zone. Pure: no I/O, no clock, no logging."""
