"""How many random examples a property is tried with: a share in each run of the suite, ten times as many on request."""

from hypothesis import settings


def examples(number: int) -> settings:
    """A third of ``number`` in the suite's profile, ten times as many under ``--hypothesis-profile explore``."""
    exploring = settings.default is not None and settings.default.max_examples > 100
    return settings(max_examples=number * 10 if exploring else max(10, number // 3), deadline=None)
