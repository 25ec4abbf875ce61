"""The transfer tree in words: who is where, who is late, and at which hop."""

from datetime import timedelta

from checks.common.transfer_tree import TransferHop
from monitor.state.level import Level
from monitor.web.tree_view import TreeRow, tree_lines, tree_rows
from tests.support.web_status import NOW

LATE = NOW - timedelta(minutes=12)
CHAIN = (
    TransferHop("ns1", (), 0, answers=True),
    TransferHop("ns2", ("ns1",), 1, answers=True, behind_since=LATE),
    TransferHop("ns3", ("ns2",), 2, answers=True, behind_since=LATE, waits_for="ns2"),
    TransferHop("ns4", ("ns2", "ns3"), 2, answers=False),
)


def test_each_hop_says_what_is_so_there() -> None:
    assert tree_rows(CHAIN, NOW) == [
        TreeRow("ns1", 0, "", Level.GOOD, "Has what there is", ""),
        TreeRow("ns2", 1, "ns1", Level.PROPAGATING, "Held up here", "12 min"),
        TreeRow("ns3", 2, "ns2", Level.UNKNOWN, "Waits for ns2", "12 min"),
        TreeRow("ns4", 2, "ns2 and ns3", Level.UNKNOWN, "Serves nothing", ""),
    ]


def test_a_terminal_shows_it_indented() -> None:
    assert list(tree_lines(CHAIN, NOW)) == [
        "Who transfers from whom:",
        "  ns1      has what there is",
        "    ns2    held up here, 12 min behind",
        "      ns3  waits for ns2, 12 min behind",
        "      ns4  serves nothing",
    ]


def test_where_all_transfer_from_the_primary_there_is_nothing_to_show() -> None:
    assert list(tree_lines(CHAIN[:2], NOW)) == tree_rows((), NOW) == []
