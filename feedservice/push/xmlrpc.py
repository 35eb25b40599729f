"""XML-RPC, as far as weblog pings and rssCloud need it: calls with texts out and in, and answers read without trusting them.

The reader takes no DOCTYPE and so no entities, no more than 64 KiB, and no depth that could cost anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from xml.parsers import expat
from xml.sax.saxutils import escape

CONTENT_TYPE = "text/xml; charset=utf-8"
LONGEST = 64 * 1024
_DEEPEST = 20

Value = str | bool | int | list["Value"] | dict[str, "Value"]


class XmlRpcError(ValueError):
    """The bytes are no XML-RPC that is taken."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A method call."""

    method: str
    arguments: tuple[Value, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A method response: a value, or a fault."""

    value: Value = ""
    fault: str | None = None


def call(method: str, arguments: Sequence[str]) -> bytes:
    """Write a call whose arguments are texts."""
    params = "".join(f"<param><value><string>{_text(each)}</string></value></param>" for each in arguments)
    return _document(f"<methodCall><methodName>{_text(method)}</methodName><params>{params}</params></methodCall>")


def answer(value: bool | Mapping[str, str | bool]) -> bytes:
    """Write an answer."""
    return _document(f"<methodResponse><params><param>{_value(value)}</param></params></methodResponse>")


def fault(code: int, text: str) -> bytes:
    """Write a fault."""
    members = (
        f"<member><name>faultCode</name><value><int>{code}</int></value></member>"
        f"<member><name>faultString</name><value><string>{_text(text)}</string></value></member>"
    )
    return _document(f"<methodResponse><fault><value><struct>{members}</struct></value></fault></methodResponse>")


def _document(text: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _text(text: str) -> str:
    return escape(
        "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff"))
    )


def _value(value: bool | str | Mapping[str, str | bool]) -> str:
    if isinstance(value, bool):
        return f"<value><boolean>{int(value)}</boolean></value>"
    if isinstance(value, str):
        return f"<value><string>{_text(value)}</string></value>"
    members = "".join(f"<member><name>{_text(name)}</name>{_value(each)}</member>" for name, each in value.items())
    return f"<value><struct>{members}</struct></value>"


def read_call(data: bytes) -> Call:
    """Read a call. Raises ``XmlRpcError``."""
    root = _tree(data)
    if root.name != "methodCall":
        raise XmlRpcError("this is no methodCall")
    method = next((each.text.strip() for each in root.children if each.name == "methodName"), "")
    if not method:
        raise XmlRpcError("the call names no method")
    return Call(method=method, arguments=tuple(_params(root)))


def read_answer(data: bytes) -> Answer:
    """Read an answer. Raises ``XmlRpcError``."""
    root = _tree(data)
    if root.name != "methodResponse":
        raise XmlRpcError("this is no methodResponse")
    for each in root.children:
        if each.name == "fault":
            found = _read(each.children[0]) if each.children else ""
            text = found.get("faultString", "") if isinstance(found, dict) else found
            return Answer(fault=str(text) or "without a reason")
    values = _params(root)
    return Answer(value=values[0] if values else "")


@dataclasses.dataclass(slots=True)
class _Node:
    name: str
    children: list[_Node] = dataclasses.field(default_factory=list)
    text: str = ""


def _tree(data: bytes) -> _Node:
    if len(data) > LONGEST:
        raise XmlRpcError(f"the document is longer than {LONGEST} bytes")
    top = _Node("")
    stack = [top]

    def start(name: str, attributes: object) -> None:
        del attributes
        if len(stack) > _DEEPEST:
            raise XmlRpcError("the document is nested too deep")
        node = _Node(name)
        stack[-1].children.append(node)
        stack.append(node)

    def end(name: str) -> None:
        del name
        stack.pop()

    def characters(text: str) -> None:
        stack[-1].text += text

    def doctype(*parts: object) -> None:
        del parts
        raise XmlRpcError("a document type is not taken")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, XmlRpcError):
            raise
        raise XmlRpcError(f"this is no XML: {error}") from error
    return top.children[0]


def _params(root: _Node) -> list[Value]:
    params = [param for each in root.children if each.name == "params" for param in each.children]
    return [_read(value) for param in params for value in param.children if value.name == "value"]


def _read(value: _Node) -> Value:
    if not value.children:
        return value.text
    typed = value.children[0]
    match typed.name:
        case "boolean":
            return typed.text.strip() in {"1", "true"}
        case "int" | "i4":
            digits = typed.text.strip()
            return int(digits) if digits.lstrip("-").isdecimal() and len(digits) <= 20 else digits  # noqa: PLR2004 - 64 bits
        case "struct":
            return {name: found for member in typed.children for name, found in _member(member)}
        case "array":
            return [_read(each) for data in typed.children for each in data.children if each.name == "value"]
        case _:
            return typed.text


def _member(member: _Node) -> list[tuple[str, Value]]:
    names = [each.text for each in member.children if each.name == "name"]
    values = [_read(each) for each in member.children if each.name == "value"]
    return list(zip(names, values, strict=False))
