"""Strategies for hypothesis: random zones, and random histories of what their addresses serve."""

from dataclasses import replace

from hypothesis import strategies as st

from checks.model.signing import with_signer
from tests.support.observations import server, zone

NAMED = zone("ns1", server("ns2", "192.0.2.2", "2001:db8::2"), "ns3")


UNNAMED = replace(NAMED, primary=None)


GROUPS = zone(server("ns1", group="a"), server("ns2", "192.0.2.2", "2001:db8::2", group="b"), server("ns3", group="b"))


NAMES = ("ns1", "ns2", "ns2/1", "ns3")


wild = st.one_of(
    st.integers(0, 2**32 - 1).map(str),
    st.sampled_from(["0", "1", "5", "4294967290", "2147483648", "2147483649", "10", "11", "12", "9"]),
    st.sampled_from(["10@a", "10@b", "11@a", "11@b", "9@b", "12~3600", "12~1"]),
    st.sampled_from(["-", "?", ".", "REFUSED", "SERVFAIL", "malformed", "unreachable"]),
)


looks = st.fixed_dictionaries(dict.fromkeys(NAMES, wild))


SIGNED = replace(NAMED, servers=with_signer(NAMED.servers, "ns1", "ns2"), signer="ns2")


zones = st.sampled_from([NAMED, UNNAMED, GROUPS, SIGNED])
