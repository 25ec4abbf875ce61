"""What do the codes mean that the monitor says of itself?"""

from alerting.catalogue.cures import SELF
from alerting.catalogue.entry import Entry

ENTRIES = (
    Entry(
        "not-checked",
        "The monitor has not been able to decide anything about this for a while: neither that it is well, nor that "
        "it is not. What it showed before still stands, but is getting old.",
        (
            "The monitor's own network, or a firewall beside it, does not let its questions out.",
            "The nameservers are given by name, and their names cannot be resolved.",
            "The monitor is out of file descriptors or sockets.",
            "None of the zone's servers answers in a way that the check could judge.",
        ),
        "Run 'soawatch check' for the zone on the monitor's machine: it shows every question and what came back.",
        SELF,
        ("dig @{address} -p {port} {zone} SOA +norecurse",),
    ),
    Entry(
        "vantage-blind",
        "Over this address family no server at all answers the monitor any more. This is most likely the monitor's "
        "own network: it accuses nobody, and the state of all zones stays as it was.",
        (
            "The network, the default route or the IPv6 uplink of the monitor's machine is down.",
            "A firewall beside the monitor drops port 53 outward.",
            "The provider of the monitor filters DNS.",
        ),
        "See from the monitor's machine whether anything at all can be reached over this address family.",
        SELF,
        ("dig @a.root-servers.net . SOA +norecurse -4", "dig @a.root-servers.net . SOA +norecurse -6"),
    ),
    Entry(
        "store-failing",
        "The monitor cannot write its database. It goes on looking and telling from memory; what it learns now is lost "
        "if it stops.",
        (
            "The disk is full.",
            "The file system has become read-only, or the file belongs to somebody else.",
            "The disk, or the file, is damaged.",
        ),
        "Make room on the disk, and see that its directory can be written. The monitor tries again by itself.",
        SELF,
        ("df -h .",),
    ),
)
