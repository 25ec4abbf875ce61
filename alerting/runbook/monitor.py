"""Runbook entries of the codes that the monitor says of itself."""

from alerting.runbook.entry import RunbookEntry
from alerting.runbook.fixes import SELF

ENTRIES = (
    RunbookEntry(
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
    RunbookEntry(
        "monitor-offline",
        "Over this address family nothing at all answers the monitor. Where the other family works, or where at least "
        "two servers are asked, this is most likely the monitor's own network: its results over this family are "
        "suspended, and what it knew of these addresses stays as it was. Where only one server has an address of this "
        "family, that server may be dead there as well; the text says so.",
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
    RunbookEntry(
        "database-failing",
        "The monitor cannot write its database. It goes on looking and telling from memory; what it learns now is lost "
        "if it stops.",
        (
            "The disk, or a quota on it, is full.",
            "The file system has become read-only, or the file belongs to somebody else.",
            "Another file was moved or copied over the database while the monitor runs; it is never written over.",
            "The directory of the database was removed, or another disk was mounted there.",
            "The disk, or the file, is damaged.",
        ),
        "Make room on the disk, see that its directory can be written, and move away what stands in the place of the "
        "database. The monitor tries again by itself, and then writes all that it remembers. To go on from a backup "
        "that was put there, restart it instead.",
        SELF,
        ("df -h .",),
    ),
    RunbookEntry(
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
    RunbookEntry(
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
    RunbookEntry(
        "database-recreated",
        "The files of the monitor's database were deleted, or one of them, while it was running. It has made them anew "
        "and says from what; that is told for an hour, because whatever deletes them may do so again.",
        (
            "A cleaning job, or the deployment of a configuration, removes what it does not know.",
            "Somebody has removed -wal, -shm or .lock: they are parts of the database as long as the monitor runs.",
            "Somebody wanted to begin with an empty database, and did not stop the monitor first.",
        ),
        "Find out who deletes files there, and leave the database's directory to the monitor alone. To begin with an "
        "empty history, stop the monitor before the files are removed.",
        SELF,
        ("ls -l .",),
    ),
)
