"""Which addresses may be called: the whole table, the edges of every network in it, and URLs that hide where they lead."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.push import addresses
from feedservice.push.addresses import Destination, Refused, callable_addresses, canonical, destination, networks, reserved

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::1",
    "2001:200::1",
    "2001:db7:ffff::1",
    "2001:db9::1",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::200e",
    "3ffd:ffff::1",
    "3fff:1000::1",
]

RESERVED = [
    ("0.0.0.0", "this network"),
    ("0.255.255.255", "this network"),
    ("10.0.0.0", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.0", "shared"),
    ("100.100.100.200", "shared"),
    ("100.127.255.255", "shared"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.255", "loopback"),
    ("168.63.129.16", "cloud"),
    ("169.254.0.0", "link-local"),
    ("169.254.169.254", "link-local"),
    ("169.254.170.2", "link-local"),
    ("172.16.0.0", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.8", "protocols"),
    ("192.0.0.192", "protocols"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4"),
    ("192.168.0.0", "private"),
    ("192.168.255.255", "private"),
    ("198.18.0.0", "benchmarks"),
    ("198.19.255.255", "benchmarks"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "IPv4-compatible"),
    ("::8.8.8.8", "IPv4-compatible"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:169.254.169.254", "link-local"),
    ("::ffff:0:7f00:1", "IPv4-translated"),
    ("64:ff9b::a9fe:a9fe", "NAT64"),
    ("64:ff9b::808:808", "NAT64"),
    ("64:ff9b:1::1", "NAT64"),
    ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "NAT64"),
    ("100::1", "discarding"),
    ("100:0:0:1::1", "outside"),
    ("1::1", "outside"),
    ("4000::1", "outside"),
    ("5f00::1", "segment"),
    ("8000::1", "outside"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),
    ("fd20:ce::254", "private"),
    ("fe00::1", "outside"),
    ("fe80::1", "link-local"),
    ("febf::1", "link-local"),
    ("fec0::1", "site-local"),
    ("feff::1", "site-local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
    ("2001::1", "Teredo"),
    ("2001:0:7f00:1::1", "Teredo"),
    ("2001:2::1", "protocols"),
    ("2001:20::1", "protocols"),
    ("2001:1ff:ffff::1", "protocols"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4"),
    ("2002:a9fe:a9fe::1", "6to4"),
    ("2606:4700::5efe:7f00:1", "ISATAP"),
    ("2606:4700::200:5efe:a00:1", "ISATAP"),
    ("3ffe::1", "6bone"),
    ("3fff::1", "documentation"),
    ("3fff:fff:ffff::1", "documentation"),
]

MISLEADING = [
    "",
    "/",
    "//example.org/",
    "example.org",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://example.org:70/_",
    "javascript:alert(1)",
    "unix:///run/docker.sock",
    "http:example.org",
    "http:/example.org",
    "http://",
    "http:///etc",
    "http://:80/",
    "http://user@example.org/",
    "http://user:password@example.org/",
    "http://example.org@127.0.0.1/",
    "http://127.0.0.1:80@example.org/",
    "http://@example.org/",
    "http://example.org/#fragment",
    "http://example.org#@127.0.0.1/",
    "http://example.org\\@127.0.0.1/",
    "http://example.org\\.evil.example/",
    "http:\\\\example.org/",
    "http://example.org/a b",
    "http://example.org/\r\nHost: other",
    "http://example.org/\t",
    "http://exa mple.org/",
    "http://example.org\x00.evil.example/",
    "http://例え.jp/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0177.0.0.1/",
    "http://0177.1/",
    "http://0x7f.0.0.1/",
    "http://0x7f000001/",
    "http://0X7F000001/",
    "http://2130706433/",
    "http://017700000001/",
    "http://127.0.0.0x1/",
    "http://127.0.0.1./",
    "http://0/",
    "http://00000/",
    "http://256.1.1.1/",
    "http://1.1.1.1.1/",
    "http://1.1.1.01/",
    "http://example.0x/",
    "http://example.1/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::1%251]/",
    "http://[127.0.0.1]/",
    "http://[::ffff:127.1]/",
    "http://[v1.fe80::a]/",
    "http://[::1/",
    "http://::1/",
    "http://[]/",
    "http://[::1]x/",
    "http://example.org:0/",
    "http://example.org:65536/",
    "http://example.org:99999999999999999999/",
    "http://example.org:-1/",
    "http://example.org:+80/",
    "http://example.org:80:80/",
    "http://example.org:８０/",
    "http://example..org/",
    "http://.example.org/",
    "http://-example.org/",
    "http://exa%6dple.org/",
    "http://%31%32%37.0.0.1/",
    f"http://{'a' * 64}.example/",
    f"http://{'a.' * 130}example/",
]


def test_the_tables_are_long_enough_to_mean_something() -> None:
    assert len(RESERVED) + len(MISLEADING) > 140


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert reserved(ipaddress.ip_address(address)) == ""


@pytest.mark.parametrize(("address", "why"), RESERVED)
def test_a_reserved_address_may_not_and_the_reason_is_said(address: str, why: str) -> None:
    assert why in reserved(ipaddress.ip_address(address))


@pytest.mark.parametrize("url", MISLEADING, ids=ascii)
def test_a_misleading_url_is_refused(url: str) -> None:
    assert isinstance(destination(url), Refused)


@pytest.mark.parametrize(
    ("url", "secure", "host", "port"),
    [
        ("http://example.org", False, "example.org", 80),
        ("HTTPS://EXAMPLE.org/", True, "example.org", 443),
        ("https://example.org.:8443/a?b=c@d", True, "example.org.", 8443),
        ("http://example.org:/", False, "example.org", 80),
        ("http://example.org?a=//b", False, "example.org", 80),
        ("http://_srv.example.org:8080/@x", False, "_srv.example.org", 8080),
        ("http://xn--r8jz45g.jp/", False, "xn--r8jz45g.jp", 80),
        ("http://1.example.org/", False, "1.example.org", 80),
        ("http://0x7f.example.org/", False, "0x7f.example.org", 80),
        ("http://localhost:8000/", False, "localhost", 8000),
    ],
)
def test_a_plain_url_is_understood(url: str, secure: bool, host: str, port: int) -> None:
    assert destination(url) == Destination(secure=secure, host=host, port=port, literal=None)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://EXAMPLE.org:80/", "example.org"),
        ("https://example.org:443", "example.org"),
        ("http://example.org:443/", "example.org:443"),
        ("https://example.org.:8443/", "example.org.:8443"),
        ("https://[2001:DB8:0::1]/", "[2001:db8::1]"),
        ("http://[2001:DB8:0::1]:8080/", "[2001:db8::1]:8080"),
    ],
)
def test_a_port_is_said_where_it_is_not_the_one_of_the_scheme(url: str, authority: str) -> None:
    to = destination(url)
    assert isinstance(to, Destination)
    assert to.authority == authority


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "https://[2001:DB8:0::1]:8443/"])
def test_an_address_in_a_url_is_known_as_one(url: str) -> None:
    to = destination(url)
    assert isinstance(to, Destination)
    assert str(to.literal) == to.host


TO = Destination(secure=False, host="example.org", port=80, literal=None)


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["1.1.1.1", "127.0.0.1"],
        ["127.0.0.1", "1.1.1.1"],
        ["2606:4700::1", "::ffff:10.0.0.1"],
        ["1.1.1.1", "fe80::1%eth0"],
        ["1.1.1.1", "not an address"],
        ["1.1.1.1", "0177.0.0.1"],
        ["1.1.1.1", ""],
        [],
    ],
)
def test_one_bad_answer_refuses_the_name(answers: list[str]) -> None:
    assert isinstance(callable_addresses(TO, answers, ()), Refused)


def test_all_good_answers_are_kept_in_order_and_once() -> None:
    found = callable_addresses(TO, ["2606:4700::1", "1.1.1.1", "::ffff:1.1.1.1", "8.8.8.8"], ())
    assert found == tuple(map(ipaddress.ip_address, ("2606:4700::1", "1.1.1.1", "8.8.8.8")))


@pytest.mark.parametrize("port", [22, 25, 81, 6379, 8081, 9200, 11211])
def test_a_port_of_other_protocols_is_refused_unless_the_address_is_allowed(port: int) -> None:
    to = Destination(secure=False, host="example.org", port=port, literal=None)
    assert callable_addresses(to, ["1.1.1.1"], ()) == Refused(why=f"port {port} may not be called")
    assert callable_addresses(to, ["1.1.1.1"], networks(["1.1.1.1"])) == (ipaddress.ip_address("1.1.1.1"),)


@pytest.mark.parametrize("port", sorted(addresses.PORTS))
def test_ports_of_the_web_are_fine(port: int) -> None:
    to = Destination(secure=False, host="example.org", port=port, literal=None)
    assert callable_addresses(to, ["1.1.1.1"], ()) == (ipaddress.ip_address("1.1.1.1"),)


def test_an_allow_list_lets_through_what_it_names_and_nothing_else() -> None:
    allowed = networks(["127.0.0.0/8", "fd00::/8"])
    assert callable_addresses(TO, ["127.0.0.1", "::ffff:127.0.0.1", "fd00::1"], allowed) == tuple(
        map(ipaddress.ip_address, ("127.0.0.1", "fd00::1"))
    )
    for other in ("10.0.0.1", "::1", "::7f00:1", "64:ff9b::7f00:1", "2002:7f00:1::", "169.254.169.254"):
        assert isinstance(callable_addresses(TO, [other], allowed), Refused), other


def test_outside_of_production_only_allowed_addresses_are_called() -> None:
    assert isinstance(callable_addresses(TO, ["1.1.1.1"], (), public=False), Refused)
    assert callable_addresses(TO, ["127.0.0.1"], networks(["127.0.0.1"]), public=False) == (ipaddress.ip_address("127.0.0.1"),)


@pytest.mark.parametrize("value", ["", "10.0.0.0/33", "example.org", "fe80::1%eth0/64 "])
def test_an_allow_list_holds_networks(value: str) -> None:
    with pytest.raises(ValueError, match=r"address|network"):
        networks([value])


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_never_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if not address.is_global:
        assert reserved(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_however_it_is_wrapped(address: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    assert canonical(str(mapped)) == address
    assert reserved(mapped) == reserved(address)
    for prefix in ("::", "64:ff9b::", "64:ff9b:1::"):
        assert reserved(ipaddress.IPv6Address(f"{prefix}{address}"))
    assert reserved(ipaddress.IPv6Address((0x2002 << 112) | int(address) << 80))


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert isinstance(destination(text), Destination | Refused)
    found = destination(f"http://{text}/")
    assert isinstance(found, Refused) or found.host
