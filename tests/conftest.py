"""How hypothesis looks for examples: the same ones at each run, or, asked to explore, new ones.

And what children of the tests inherit of their signals: nothing; and where they keep what they have compiled.
"""

from pathlib import Path

from hypothesis import settings

from tests.support.bytecode import keep_bytecode
from tests.support.signals import spare_children

# What a change breaks should be what it touched, so a run of the suite repeats the last one exactly.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=30)
settings.register_profile("explore", derandomize=False, deadline=None, max_examples=500)
settings.load_profile("suite")

spare_children()
keep_bytecode(Path(__file__).parent.parent / ".pytest_cache" / "bytecode")
