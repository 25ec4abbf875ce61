"""Ends a command that cannot do what it was asked."""


class Failure(Exception):
    """Ends the command with a sentence on stderr and an exit status (1 problem, 78 configuration)."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status

    @property
    def first(self) -> str:
        """The first line of the text."""
        return str(self).partition("\n")[0]
