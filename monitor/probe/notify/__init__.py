"""The listener for NOTIFY (RFC 1996): its sockets, who may send, and what is answered."""
