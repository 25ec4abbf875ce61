"""How many random examples a property is tried with: a few in each run of the suite, all of them or more on request."""

from hypothesis import settings


def examples(number: int) -> settings:
    """So many under ``--hypothesis-profile thorough``, five times as many to explore, and in the suite about a seventh:
    by what the profile tries without being told a number, where thorough says 100.
    """
    assert settings.default is not None
    return settings(max_examples=max(10, number * settings.default.max_examples // 100), deadline=None)
