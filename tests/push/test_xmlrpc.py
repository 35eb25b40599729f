"""XML-RPC out and in, and what is not taken."""

from __future__ import annotations

import xmlrpc.client

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.push import xmlrpc as ours
from feedservice.push.xmlrpc import Answer, Call, XmlRpcError

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))


@given(st.lists(TEXTS, max_size=5))
def test_the_standard_library_reads_our_calls(arguments: list[str]) -> None:
    found, method = xmlrpc.client.loads(ours.call("a.b", arguments))
    assert (list(found), method) == (arguments, "a.b")


@given(TEXTS, st.booleans())
def test_the_standard_library_reads_our_answers(message: str, wrong: bool) -> None:
    (found,), _ = xmlrpc.client.loads(ours.answer({"flerror": wrong, "message": message}))
    assert found == {"flerror": wrong, "message": message}
    assert xmlrpc.client.loads(ours.answer(True))[0] == (True,)
    with pytest.raises(xmlrpc.client.Fault, match="4: "):
        xmlrpc.client.loads(ours.fault(4, "no"))


@given(
    st.lists(
        st.recursive(
            TEXTS | st.booleans() | st.integers(-(2**31), 2**31 - 1),
            lambda x: st.lists(x, max_size=3) | st.dictionaries(TEXTS, x, max_size=3),
            max_leaves=5,
        ),
        max_size=3,
    )
)
def test_we_read_the_calls_of_the_standard_library(arguments: list[object]) -> None:
    data = xmlrpc.client.dumps(tuple(arguments), "rssCloud.pleaseNotify", encoding="utf-8").encode()  # type: ignore[arg-type]
    assert ours.read_call(data) == Call(method="rssCloud.pleaseNotify", arguments=tuple(arguments))  # type: ignore[arg-type]


def test_a_value_without_a_type_is_a_text() -> None:
    data = b"<methodCall><methodName> m </methodName><params><param><value>x</value></param></params></methodCall>"
    assert ours.read_call(data) == Call(method="m", arguments=("x",))


def test_a_fault_is_read() -> None:
    assert ours.read_answer(ours.fault(7, "too fast")).fault == "too fast"
    assert ours.read_answer(b"<methodResponse><fault/></methodResponse>").fault == "without a reason"
    assert ours.read_answer(b"<methodResponse/>") == Answer()


def test_characters_that_xml_cannot_hold_are_left_out() -> None:
    assert ours.read_call(ours.call("m", ["a\x00\x0b\ud800b\ufffe"])).arguments == ("ab",)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<methodResponse><params><param><value>&b;</value></param></params></methodResponse>"""
FILE = b"""<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><methodResponse><params><param><value>&e;</value></param></params></methodResponse>"""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no xml",
        b"<methodResponse>",
        b"<html/>",
        b"<methodResponse>&e;</methodResponse>",
        BOMB,
        FILE,
        b"<a>" * 100_000,
        b"<methodResponse>" + b"<value>" * 50 + b"</value>" * 50 + b"</methodResponse>",
        b"<methodResponse>" + b" " * ours.LONGEST + b"</methodResponse>",
        b'<?xml version="1.0" encoding="nonsense"?><methodResponse/>',
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(XmlRpcError):
        ours.read_answer(data)


@pytest.mark.parametrize("data", [b"<methodResponse/>", b"<methodCall/>", b"<methodCall><methodName> </methodName></methodCall>"])
def test_what_is_no_call_is_refused(data: bytes) -> None:
    with pytest.raises(XmlRpcError):
        ours.read_call(data)


@given(st.binary(max_size=200) | st.text(alphabet="<>/&;!abm", max_size=200).map(str.encode))
def test_no_bytes_crash(data: bytes) -> None:
    for read in (ours.read_answer, ours.read_call):
        try:
            read(data)
        except XmlRpcError:
            continue
