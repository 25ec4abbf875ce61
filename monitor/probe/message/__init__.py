"""DNS messages, written and read: names, records, EDNS, TSIG."""
