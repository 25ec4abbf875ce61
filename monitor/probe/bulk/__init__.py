"""The engine: every UDP socket, and very many SOA queries over few of them."""
