"""Forms of responses on the way from a worker: each is told once, and is a number after that."""

from array import array
from collections.abc import Sequence
from itertools import islice

from monitor.polling.workers.messages import FormedZones
from monitor.probe.message.soa_forms import MAX_FORMS, FormedAnswer, SharedForms, SoaForm

_Formed = Sequence[tuple[int, tuple[FormedAnswer, ...]]]
"""``ChunkResult.formed``."""


class ToldForms:
    """What the service has been told, at the worker."""

    def __init__(self, most: int = MAX_FORMS) -> None:
        self._most = most
        self._told: set[int] = set()

    def pack(self, formed: _Formed) -> FormedZones:
        answers = [answer for _, every in formed for answer in every]
        used = {answer.form.number: answer.form for answer in answers}
        forget = len(self._told) >= self._most
        if forget:
            self._told = set()
        new = [form for number, form in used.items() if number not in self._told]
        self._told.update(used)
        return FormedZones(
            array("I", (number for number, _ in formed)),
            array("I", (len(every) for _, every in formed)),
            array("Q", (answer.form.number for answer in answers)),
            array("I", (answer.serial for answer in answers)),
            array("q", (-1 if answer.expire is None else answer.expire for answer in answers)),
            array("d", (answer.rtt for answer in answers)),
            array("q", (answer.at for answer in answers)),
            new,
            forget,
        )


class HeardForms:
    """What one worker has told since it was started, at the service."""

    def __init__(self, shared: SharedForms) -> None:
        self._shared = shared
        self._known: dict[int, SoaForm] = {}

    def forget(self) -> None:
        """There is another process, with numbers of its own."""
        self._known = {}

    def learn(self, told: FormedZones) -> None:
        """Of each message, in order, whoever still waits for it."""
        if told.forget:
            self._known = {}
        for form in told.new_forms:
            self._known[form.number] = self._shared.share(form)

    def unpack(self, told: FormedZones) -> _Formed:
        expires = (None if expire < 0 else expire for expire in told.expires)
        answers = map(
            FormedAnswer, map(self._known.__getitem__, told.forms), told.serials, expires, told.rtts, told.times
        )
        return [(number, tuple(islice(answers, size))) for number, size in zip(told.numbers, told.sizes, strict=True)]
