"""The metrics of single zones, written by hand: there may be tens of thousands of lines."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from alerting.model import Phase
from checks.model import Health, IxfrAnswer
from monitor.state.status import AddressStatus, ZoneStatus

STANDING = (Phase.PENDING, Phase.FIRING)
"""A finding that is on its way out stands no longer, though its alert has not settled yet."""

_OF_TRANSFERS = (
    ("soawatch_zone_transfer_seconds", "How long the last whole transfer from this address took; absent: none."),
    ("soawatch_zone_transfer_octets", "Octets of the last whole transfer from this address."),
    ("soawatch_zone_transfer_records", "Records of the last whole transfer from this address."),
    ("soawatch_zone_transfer_timestamp_seconds", "When the last whole transfer from this address ended."),
    (
        "soawatch_zone_ixfr_incremental",
        "1: IXFR from the version before brought differences; 0: the whole zone; absent: not known.",
    ),
    ("soawatch_zone_ixfr_octets", "Octets of these differences."),
    ("soawatch_zone_ixfr_timestamp_seconds", "When IXFR was asked of this address last."),
)

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


def series(zones: Iterable[ZoneStatus], now: datetime) -> str:
    """Gauges as the text formats of Prometheus and OpenMetrics both have them: without the end that one wants."""
    healthy, labelled, found, serials, lags, expiries, signatures, canaries, *transfers = (
        _family("soawatch_zone_healthy", "1: all is well; 0: it is not; absent: it is unknown."),
        _family("soawatch_zone_labels", "Labels of the zone in the configuration, each as label_NAME; always 1."),
        _family("soawatch_finding", "1 while the finding stands."),
        _family("soawatch_zone_serial", "SOA serial this address serves; absent while it serves none."),
        _family(
            "soawatch_zone_lag_seconds",
            "How long this address has been behind the reference; absent while it serves no version.",
        ),
        _family(
            "soawatch_zone_expiry_timestamp_seconds",
            "When this address stops serving the zone unless it hears from its primary; absent where not known.",
        ),
        _family(
            "soawatch_zone_signature_seconds_left",
            "Until the first signature at this address ends, below 0 since; absent where not signed, or not known.",
        ),
        _family(
            "soawatch_zone_canary_seconds",
            "From the last change of the canary to the first answer with it here; absent where it did not arrive.",
        ),
        *(_family(metric, text) for metric, text in _OF_TRANSFERS),
    )
    for zone in zones:
        name = _quoted(zone.name)
        if zone.health is not Health.UNKNOWN:
            healthy.append(f"soawatch_zone_healthy{{zone={name}}} {int(zone.health is Health.GOOD)}\n")
        labelled += _labels(zone, name)
        found += _findings(zone, name)
        for address in zone.addresses:
            labels = f'{{zone={name},server={_quoted(address.server)},address="{address.address}"}}'
            if address.serial is not None:
                serials.append(f"soawatch_zone_serial{labels} {address.serial}\n")
            if (lag := _lag(address, now)) is not None:
                lags.append(f"soawatch_zone_lag_seconds{labels} {lag}\n")
            if address.expires is not None:
                at = address.expires.timestamp()
                expiries.append(f"soawatch_zone_expiry_timestamp_seconds{labels} {at}\n")
            if address.signatures_end is not None:
                left = (address.signatures_end - now).total_seconds()
                signatures.append(f"soawatch_zone_signature_seconds_left{labels} {left}\n")
            if address.canary is not None:
                canaries.append(f"soawatch_zone_canary_seconds{labels} {address.canary.seconds}\n")
            if address.transfers or address.ixfr:
                for value, family, (metric, _) in zip(_of_transfers(address), transfers, _OF_TRANSFERS, strict=True):
                    if value is not None:
                        family.append(f"{metric}{labels} {value}\n")
    families = (healthy, labelled, found, serials, lags, expiries, signatures, canaries, *transfers)
    return "".join(line for family in families for line in family)


def _of_transfers(address: AddressStatus) -> Sequence[float | None]:
    """Values of _OF_TRANSFERS: of the latest, however it was asked for."""
    whole = max(address.transfers, key=lambda one: one.at, default=None)
    ixfr = max(address.ixfr, key=lambda one: one.at, default=None)
    return (
        *((None,) * 4 if whole is None else (whole.seconds, whole.octets, whole.records, whole.at.timestamp())),
        None if ixfr is None or ixfr.answer is IxfrAnswer.UP_TO_DATE else int(ixfr.answer is IxfrAnswer.INCREMENTAL),
        None if ixfr is None or ixfr.size is None else ixfr.size.octets,
        None if ixfr is None else ixfr.at.timestamp(),
    )


def _family(name: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}\n# TYPE {name} gauge\n"]


def _labels(zone: ZoneStatus, name: str) -> Iterator[str]:
    """Their names are such as Prometheus takes, and begin so that none can be taken for ``zone``."""
    if zone.labels:
        own = "".join(f",label_{label}={_quoted(value)}" for label, value in zone.labels)
        yield f"soawatch_zone_labels{{zone={name}{own}}} 1\n"


def _findings(zone: ZoneStatus, name: str) -> Iterator[str]:
    """One line for each set of labels: several addresses or subjects of a server share it."""
    labels = {(f.key.server or "", f.key.code, str(f.severity)): None for f in zone.findings if f.phase in STANDING}
    for server, code, severity in labels:
        yield (
            f'soawatch_finding{{zone={name},server={_quoted(server)},code={_quoted(code)},severity="{severity}"}} 1\n'
        )


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'


def _lag(address: AddressStatus, now: datetime) -> float | None:
    lag = address.lag(now)
    return None if lag is None else max(0.0, lag.total_seconds())
