"""Any other query: its attempts over UDP and TCP, zone transfers, and the limits per server."""
