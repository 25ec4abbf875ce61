"""Proves that a form which does something was made here: another site can send a form, and cannot read one."""

import hmac
import secrets


class FormProof:
    """The proof that the form of a path holds, for whom it was made. It is good until the service ends."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, path: str, who: str = "") -> str:
        return hmac.new(self._key, f"{who}\n{path}".encode(), "sha256").hexdigest()

    def holds(self, given: str, path: str, who: str = "") -> bool:
        return hmac.compare_digest(given.encode(), self.of(path, who).encode())
