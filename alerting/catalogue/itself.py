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
        "Over this address family nothing at all answers the monitor. Where the other family works, or where at least "
        "two servers are asked, this is most likely the monitor's own network: it accuses nobody over this family, and "
        "what it knew of these addresses stays as it was. Where only one server has an address of this family, that "
        "server may be dead there as well; the text says so.",
        (
            "The network, the default route or the IPv6 uplink of the monitor's machine is down, or it never had one.",
            "A firewall beside the monitor drops port 53 outward.",
            "The provider of the monitor filters DNS.",
        ),
        "See from the monitor's machine whether anything at all can be reached over this address family. A machine "
        "that is to have no IPv6 watches IPv4 addresses only: list those of each server in [servers.NAME].",
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
    Entry(
        "receiver-failing",
        "A receiver rejects what it is told, has taken nothing for ten minutes, or some of its addresses are refused. "
        "It is told to the other receivers; what this one is owed waits for it, for a day.",
        (
            "A mail address does not exist any more, or its mailbox is full.",
            "The mail server refuses the sender, the password, or the monitor's address.",
            "The URL of a webhook, its token or its signing secret is no longer valid.",
            "The receiver, or the network on the way to it, is down.",
        ),
        "Mend it at the receiver, or correct its section and reload: what waits is then sent at once. "
        "'soawatch notify-test NAME' tries it.",
        SELF,
        ("soawatch notify-test NAME",),
    ),
    Entry(
        "configuration-refused",
        "The monitor was told to read its configuration again, and cannot take it. The one before goes on: nothing of "
        "what was changed counts, not even the parts in which there is no mistake.",
        (
            "There is a mistake in the file: what was said names the first, with its line.",
            "A file that it names, with a secret or a list of zones, is missing or cannot be read by the service.",
        ),
        "'soawatch check-config FILE' shows every mistake there is. Correct them and reload.",
        SELF,
        ("soawatch check-config /etc/soawatch/soawatch.toml",),
    ),
)
