"""Faults in how a zone is handed over."""

from monitor.pair.behaviour import Stream, Transfers
from monitor.pair.fault import row

TRANSFER = (
    row(
        "transfer-refused",
        "ns1",
        "transfer-refused",
        "Refuses every zone transfer.",
        "Someone closes the primary's transfers altogether, also to those who need them.",
        transfers=Transfers.NONE,
    ),
    row(
        "transfer-open",
        "ns2",
        "transfer-open",
        "Gives the zone to whoever asks.",
        "The secondary's access list is lost: anybody can read the whole zone.",
        transfers=Transfers.OPEN,
    ),
    row(
        "wrong-key",
        "ns1",
        "transfer-refused",
        "Does not know the clients' key any more (BADKEY).",
        "The key was removed from the primary's configuration.",
        forgotten=True,
    ),
    row(
        "wrong-secret",
        "ns1",
        "transfer-refused",
        "Has another secret under the clients' key name (BADSIG).",
        "The key's secret was changed on one side only.",
        mistyped=True,
    ),
    row(
        "skewed-clock",
        "ns1",
        "transfer-refused",
        "Its clock is 1000 seconds ahead: signatures are out of time (BADTIME).",
        "The primary's clock ran away: signed transfers fail.",
        skew=1000.0,
    ),
    row(
        "clock-behind",
        "ns1",
        "transfer-refused",
        "Its clock is 1000 seconds late: signatures are out of time (BADTIME).",
        "The primary lost its time source and fell behind: signed transfers fail.",
        skew=-1000.0,
    ),
    row(
        "endless-transfer",
        "ns1",
        "transfer-failed",
        "Starts a transfer and never comes to the end of it.",
        "The primary sends a zone that never ends.",
        stream=Stream.ENDLESS,
    ),
    row(
        "truncated-transfer",
        "ns1",
        "transfer-failed",
        "Closes the connection in the middle of a transfer.",
        "Transfers from the primary break off.",
        stream=Stream.TRUNCATED,
    ),
    row(
        "unsigned-transfer",
        "ns1",
        "transfer-failed",
        "Answers a signed transfer without a signature.",
        "Something between takes the signatures off the primary's transfers.",
        stream=Stream.UNSIGNED,
    ),
    row(
        "malformed-transfer",
        "ns1",
        "transfer-failed",
        "Sends a zone to its end, with an A record of seven octets in it.",
        "A broken record gets into the primary's zone: every secondary refuses the whole of it.",
        stream=Stream.MALFORMED,
    ),
)
