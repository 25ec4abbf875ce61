"""The certificates that a receiver trusts: read once, which takes some fifty milliseconds, beside the event loop."""

import asyncio
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from alerting.notification import DeliveryError


@dataclass(slots=True)
class Trust:
    """Of the system, or of ``ca_file`` instead. What changes in the file counts from the next reload."""

    ca_file: Path | None = None
    _context: ssl.SSLContext | None = field(default=None, repr=False)

    async def context(self) -> ssl.SSLContext:
        """The same at every call. Raises DeliveryError when the file is of no use."""
        if self._context is None:
            try:
                self._context = await asyncio.to_thread(ssl.create_default_context, cafile=self.ca_file)
            except ssl.SSLError:
                raise DeliveryError("ca_file holds no certificates that can be used", permanent=True) from None
            except OSError as error:
                raise DeliveryError(f"ca_file cannot be read: {error.strerror}", permanent=True) from None
        return self._context
