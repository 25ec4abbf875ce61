"""Observations of what the engine received, equal to those that DnsClient makes."""

from dataclasses import replace
from datetime import datetime

from checks.model import Observation, Outcome, Query, Transport
from monitor.probe.client.observations import QueryFailure
from monitor.probe.message import response as complete
from monitor.probe.message import soa_response
from monitor.probe.message.request import question
from monitor.probe.message.response import Answer
from monitor.probe.message.text import bounded, evidence


def answered_observation(
    query: Query, answer: Answer, rtt: float, at: datetime, size: int, without_edns: str = ""
) -> Observation:
    """Of an answer over UDP to the very query, with nothing strange about it."""
    options = answer.options
    return Observation(
        query,
        Outcome.ANSWERED,
        at,
        rtt,
        Transport.UDP,
        answer.rcode,
        answer.authoritative,
        answer.shape,
        answer.soa,
        answer.answer,
        options.nsid,
        options.expire,
        options.ede,
        records=answer.records,
        octets=size,
        detail=f"asked without EDNS: with it, {without_edns}" if without_edns else "",
        without_edns=without_edns,
    )


def reread_observation(query: Query, wire: bytes, rtt: float, at: datetime) -> Observation:
    """Of octets that were read as an answer before."""
    asked = question(query)
    return answered_observation(query, soa_response.read(wire, asked) or complete.read(wire, asked), rtt, at, len(wire))


def failed_observation(query: Query, failure: QueryFailure, at: datetime) -> Observation:
    return Observation(
        query,
        failure.outcome,
        at,
        discarded=failure.discarded,
        detail=bounded(failure.detail),
        evidence=evidence(failure.evidence),
    )


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
