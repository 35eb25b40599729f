"""XML elements in, bytes out, and the hardened reader that reads documents back. The door of ``lxml.etree``."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

Element = etree._Element  # noqa: SLF001 - lxml names the type of its elements with an underscore
Tree = etree._ElementTree  # noqa: SLF001 - likewise

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DC = "http://purl.org/dc/elements/1.1/"
HISTORY = "http://purl.org/syndication/history/1.0"
ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
MEDIA = "http://search.yahoo.com/mrss/"
PODCAST = "https://podcastindex.org/namespace/1.0"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class NotXmlError(ValueError):
    """The bytes are no well-formed XML document; ``line`` and ``column`` are 1-based."""

    def __init__(self, message: str, line: int | None, column: int | None) -> None:
        """Keep the place beside the message."""
        super().__init__(message)
        self.line = line
        self.column = column


def root(tag: str, namespaces: Mapping[str, str] | None = None, **attributes: str) -> Element:
    """Return a new root element that declares ``namespaces`` (prefix → URI)."""
    return etree.Element(tag, attributes, nsmap=dict(namespaces or {}))


def add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """Append an element to ``parent`` and return it; ``tag`` is a name or ``{namespace}name``."""
    element = etree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def instruct(element: Element, target: str, text: str) -> None:
    """Put the processing instruction ``<?target text?>`` in front of a root element."""
    element.addprevious(etree.ProcessingInstruction(target, text))


def document(element: Element) -> bytes:
    """Return the indented document of a root element, in UTF-8 with its XML declaration."""
    return etree.tostring(element, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def fragment(element: Element, wrapper: Element, parent: Element) -> bytes:
    """Return the bytes of ``element`` as they stand inside ``parent``, which lies in ``wrapper`` with its declarations.

    lxml writes an element that has no such ancestors with prefixes of its own (``ns0:``) on every entry.
    """
    parent.append(element)
    data = etree.tostring(wrapper, encoding="UTF-8", pretty_print=True)
    start = data.index(b"<" + str(element.tag).encode())
    return data[data.rindex(b"\n", 0, start) + 1 : data.rindex(b">\n", 0, data.rindex(b"</" + str(parent.tag).encode())) + 2]


def text(element: Element) -> str:
    """Return all text in an element as typed, without comments and instructions, and without entities that a DTD declares."""
    if not len(element):
        return element.text or ""
    # Not `string()`: XPath expands entities, and entities in entities.
    parts = [element.text, *(part for child in element for part in (text(child) if _is_tag(child) else "", child.tail))]
    return "".join(filter(None, parts))


def _is_tag(node: Element) -> bool:
    return isinstance(node.tag, str)


def inner(element: Element) -> str:
    """Return what is in an element as mark-up: its text where that is all there is, else its children as they are written."""
    if not len(element):
        return text(element)
    written = (etree.tostring(child, encoding="unicode", with_tail=True) for child in element.iterchildren("*"))
    return "".join((element.text or "", *written))


def read(data: bytes) -> Element:
    """Return the root element of a document, without network access, entities, DTDs or recovery.

    Raises NotXmlError when the document is not well-formed.
    """
    # One parser per document: lxml's parsers keep the errors of earlier documents and are not shared between threads.
    # Not `collect_ids=False`: by that, lxml has libxml2 load the external part of a DTD, whatever `load_dtd` says.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise NotXmlError(error.msg or "empty document", error.lineno or None, error.offset or None) from error
