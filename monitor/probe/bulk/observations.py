"""Observations of what the engine received."""

from dataclasses import replace
from datetime import datetime

from checks.common.epoch import moment_of
from checks.model import Address, Observation, Query, Transport
from monitor.probe.client.observations import answered
from monitor.probe.message import quick_response
from monitor.probe.message.request import question
from monitor.probe.message.soa_forms import FormedAnswer
from monitor.probe.message.text import bounded, evidence


def reread_observation(query: Query, wire: bytes, rtt: float, at: datetime) -> Observation:
    """Of octets that were read as an answer before."""
    answer = quick_response.read(wire, question(query))
    return answered(query, answer, rtt, Transport.UDP, len(wire), at)


def formed_observation(zone: str, server: str, address: Address, formed: FormedAnswer) -> Observation:
    """Of a response to the question for the SOA of a zone that was recognised."""
    form, serial, expire, rtt, at = formed
    query = Query(zone, server, address, zone, "SOA", identify=True)
    answer = form.answer(zone, serial, expire)
    return answered(query, answer, rtt, Transport.UDP, form.octets, moment_of(at))


def with_stray(seen: Observation, stray: bytes | None, why: str) -> Observation:
    """What DnsClient observed, after a stray packet was discarded here. Where nothing came back the stray is not
    mentioned: it need not have been meant for this query.
    """
    if stray is None or seen.outcome.no_response:
        return seen
    detail = seen.detail if why in seen.detail else "; ".join(filter(None, (seen.detail, why)))
    return replace(
        seen, discarded=seen.discarded + 1, detail=bounded(detail), evidence=seen.evidence or evidence(stray)
    )
