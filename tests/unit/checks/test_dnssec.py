"""Whether a key made a signature: as dnspython says, for every algorithm, and no longer than it may take."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dns.dnssec
import dns.name
import dns.rdata
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from checks.common.dnssec import (
    MAX_FAILURES,
    MAX_KEYS,
    MAX_REMEMBERED,
    MAX_TRIES,
    Key,
    Tries,
    Verdict,
    Verifier,
    algorithm_name,
    verify,
    zone_keys,
)
from checks.model import Signature
from monitor.probe.message.signatures import signatures
from tests.support.observations import NOON

NAME = dns.name.from_text("example.com.")
RSA = rsa.generate_private_key(65537, 2048)

MADE: list[tuple[str, Any]] = [
    ("RSASHA1", RSA),
    ("RSASHA1NSEC3SHA1", RSA),
    ("RSASHA256", RSA),
    ("RSASHA512", RSA),
    ("ECDSAP256SHA256", ec.generate_private_key(ec.SECP256R1())),
    ("ECDSAP384SHA384", ec.generate_private_key(ec.SECP384R1())),
    ("ED25519", ed25519.Ed25519PrivateKey.generate()),
    ("ED448", ed448.Ed448PrivateKey.generate()),
]


def signed(private: Any, algorithm: str, *rdata: str) -> tuple[Key, Signature]:
    """A key, and what it made of the TXT records ``rdata``; dnspython agrees that it did."""
    rrset = dns.rrset.from_text(NAME, 300, "IN", "TXT", *(rdata or ("one", "two")))
    dnskey = dns.dnssec.make_dnskey(private.public_key(), algorithm, flags=257)
    rrsig = dns.dnssec.sign(
        rrset, private, NAME, dnskey, inception=NOON, expiration=NOON + timedelta(days=30),
        policy=dns.dnssec.allow_all_policy,
    )  # fmt: skip
    keys = {NAME: dns.rrset.from_rdata(NAME, 300, dnskey)}
    now = NOON.timestamp() + 60
    dns.dnssec.validate_rrsig(rrset, rrsig, keys, now=now, policy=dns.dnssec.allow_all_policy)
    every = [dns.rrset.from_rdata(NAME, 300, one) for one in rrset]
    (signature,) = signatures([dns.rrset.from_rdata(NAME, 300, rrsig)], every, NAME)
    (key,) = zone_keys([dnskey.to_text()])
    assert (key.tag, key.algorithm) == (dns.dnssec.key_id(dnskey), int(dnskey.algorithm))
    return key, signature


@pytest.mark.parametrize(("algorithm", "private"), MADE, ids=[name for name, _ in MADE])
def test_every_algorithm(algorithm: str, private: Any) -> None:
    key, signature = signed(private, algorithm)
    assert verify(key, signature) is Verdict.VALID
    assert verify(key, replace(signature, signed=signature.signed + b"\0")) is Verdict.INVALID
    flipped = bytes((signature.octets[0] ^ 1,)) + signature.octets[1:]
    assert verify(key, replace(signature, octets=flipped)) is Verdict.INVALID
    assert verify(key, replace(signature, octets=signature.octets[:-1])) is Verdict.INVALID
    assert verify(key, replace(signature, octets=b"")) is Verdict.INVALID
    assert verify(replace(key, public=bytes((key.public[0] ^ 1,)) + key.public[1:]), signature) is not Verdict.VALID
    assert verify(replace(key, public=b""), signature) is not Verdict.VALID


def test_what_is_long_is_verified_and_not_kept() -> None:
    key, signature = signed(MADE[4][1], "ECDSAP256SHA256", *(f"{'x' * 200}{n}" for n in range(30)))
    assert len(signature.signed) > MAX_REMEMBERED
    assert verify(key, signature) is Verdict.VALID


@pytest.mark.parametrize("algorithm", [0, 1, 3, 12, 17, 253, 255])
def test_other_algorithms_are_not_known(algorithm: int) -> None:
    key, signature = signed(MADE[4][1], "ECDSAP256SHA256")
    assert verify(replace(key, algorithm=algorithm), signature) is Verdict.UNKNOWN


def rsa_key(exponent: int, modulus: int, *, long: bool = False) -> bytes:
    size = (exponent.bit_length() + 7) // 8
    head = b"\0" + size.to_bytes(2, "big") if long else bytes((size,))
    return head + exponent.to_bytes(size, "big") + modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")


def test_rsa_that_would_keep_us_busy_is_not_tried() -> None:
    key, signature = signed(RSA, "RSASHA256")
    numbers = RSA.public_key().public_numbers()
    assert verify(replace(key, public=rsa_key(numbers.e, numbers.n, long=True)), signature) is Verdict.VALID
    for exponent, modulus in ((2**40 + 1, numbers.n), (numbers.e, numbers.n << 4096), (numbers.e, numbers.n >> 1500)):
        assert verify(replace(key, public=rsa_key(exponent, modulus)), signature) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "256 3 13", "256 3 13 !!!!", "x 3 13 AAAA", "256 2 13 AAAA", "0 3 13 AAAA", "384 3 13 AAAA",
        "256 3 13 AAAA... sha256:00", "... 3 more, sha256:00", "",
    ],
)  # fmt: skip
def test_what_is_no_key_of_a_zone(text: str) -> None:
    assert list(zone_keys([text])) == []


def test_chunks_are_one_key() -> None:
    key, _ = signed(MADE[4][1], "ECDSAP256SHA256")
    text = base64.b64encode(key.public).decode()
    assert list(zone_keys([f"257 3 13 {text[:20]} {text[20:]}"])) == [key]


def test_one_of_several_keys_with_one_tag() -> None:
    key, signature = signed(MADE[4][1], "ECDSAP256SHA256")
    others = tuple(replace(key, public=bytes((n,)) * 64) for n in range(MAX_KEYS))
    assert Verifier((*others[:3], key), Tries()).verdict(signature) is Verdict.VALID
    assert Verifier(others[:3], Tries()).verdict(signature) is Verdict.INVALID
    assert Verifier((*others, key), Tries()).verdict(signature) is Verdict.UNKNOWN, "it is none of those that are tried"
    assert Verifier((*others, replace(key, tag=0)), Tries()).verdict(signature) is Verdict.INVALID
    assert not Verifier((replace(key, tag=0),), Tries()).has_key(signature)
    known, strange = replace(key, public=bytes(64)), replace(signature, algorithm=17)
    assert Verifier((replace(known, algorithm=17), known), Tries()).verdict(strange) is Verdict.UNKNOWN


def test_nobody_keeps_us_busy() -> None:
    """CVE-2023-50387: every key has the tag of every signature, and none made any."""
    key, signature = signed(MADE[4][1], "ECDSAP256SHA256")
    keys = tuple(replace(key, public=n.to_bytes(64, "big")) for n in range(600))
    tries = Tries()
    verifier = Verifier(keys, tries)
    said = {verifier.verdict(replace(signature, octets=n.to_bytes(64, "big"))) for n in range(600)}
    assert said == {Verdict.UNKNOWN}
    assert (verifier.failures, len(tries.known)) == (0, MAX_FAILURES)
    assert verifier.verdict(signature) is Verdict.UNKNOWN, "and now nothing is known any more of this address"
    assert Verifier((key,), tries).verdict(signature) is Verdict.VALID, "but of others"
    for n in range(999, 1999):  # addresses without end
        Verifier(keys, tries).verdict(replace(signature, octets=n.to_bytes(64, "big")))
    assert (tries.left, len(tries.known)) == (0, MAX_TRIES)


def test_what_was_found_is_not_tried_again() -> None:
    key, signature = signed(MADE[4][1], "ECDSAP256SHA256")
    tries = Tries()
    for _ in range(3):
        assert tries.verify(key, signature) is Verdict.VALID
    assert tries.left == MAX_TRIES - 1
    assert Tries(left=0).verify(key, signature) is Verdict.UNKNOWN


def test_names_of_algorithms() -> None:
    assert algorithm_name(13) == "13 (ECDSAP256SHA256)"
    assert algorithm_name(200) == "200"
