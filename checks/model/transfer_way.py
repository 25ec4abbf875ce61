"""Where a transfer is asked for, and how."""

from checks.model.address import Address
from checks.model.transport import Transport

TransferWay = tuple[str, Address, str | None, Transport, str | None]
"""Server, address, key, transport, and from which address: what tells transfers of a zone apart."""
