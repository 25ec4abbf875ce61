"""How hypothesis looks for examples: the same ones at each run, or, asked to explore, new ones.

And what children of the tests inherit of their signals: nothing.
"""

from hypothesis import settings

from tests.signals import spare_children

# What a change breaks should be what it touched, so a run of the suite repeats the last one exactly.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile("suite")

spare_children()
