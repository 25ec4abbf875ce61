"""Values of a canary, as they are answered."""

from checks.common.rrset_content import content_of
from checks.model import Observation
from checks.model.canary import CanaryValue, canary_value


def values_of(seen: Observation) -> tuple[CanaryValue, ...]:
    """The values that an answer has, or that an update was to write."""
    found = map(canary_value, seen.answer.rdata if seen.answer is not None else ())
    return tuple(value for value in found if value is not None)


def arrived(seen: Observation, value: CanaryValue) -> bool:
    """Whether it answers with authority with this value, or with one that was written later by the same process."""
    content = content_of(seen)
    return content is not None and not content.instead and any(one.covers(value) for one in values_of(seen))
