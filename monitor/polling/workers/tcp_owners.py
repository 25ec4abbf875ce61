"""Which worker asks which address over TCP."""

from checks.model import Address


class TcpOwners:
    """An address that is being asked is asked by the same worker for whatever else is wanted of it, so that there is
    one connection to it at one time (RFC 7766 section 6.2.2); any other by the one that has been given least so far.
    Nothing of what is heard over TCP is kept by zone, so it need not be the worker that owns the zone.
    """

    def __init__(self, workers: int) -> None:
        self._given = [0] * workers
        self._busy: dict[Address, tuple[int, int]] = {}
        """Who asks there, and how many batches."""

    def begin(self, address: Address, queries: int) -> int:
        """A batch of so many queries; which worker is to ask them."""
        owner, batches = self._busy.get(address, (self._given.index(min(self._given)), 0))
        self._busy[address] = (owner, batches + 1)
        self._given[owner] += queries
        return owner

    def end(self, address: Address) -> None:
        """The batch has been heard, or given up."""
        owner, batches = self._busy[address]
        if batches > 1:
            self._busy[address] = (owner, batches - 1)
        else:
            del self._busy[address]
