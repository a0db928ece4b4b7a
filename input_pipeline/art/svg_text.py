"""Decodes an SVG file by the encoding it declares, and expands its plain-text entities."""

import codecs
import re

_DECLARATION = re.compile(r"^\s*<\?xml\b[^>]*\?>")
_ENCODING = re.compile(rb"^\s*<\?xml\b[^>]*?\bencoding\s*=\s*[\"']([A-Za-z][\w.-]*)[\"']")
_DOCTYPE = re.compile(r"<!DOCTYPE\b[^\[>]*(?:\[(?P<subset>[^\]]*)\])?\s*>")
_ENTITY = re.compile(r"<!ENTITY\s+([\w:.-]+)\s+(?:\"([^\"]*)\"|'([^']*)')\s*>")
_MAX_ENTITIES = 100
_MAX_ENTITY_CHARS = 1000
_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"}


def decode(data: bytes) -> str:
    """Decodes an SVG by its byte order mark, its declaration, or as UTF-8; drops the declaration.

    Raises:
      UnicodeError: it is not in the encoding it declares, or that is unknown.
    """
    encoding = next((name for bom, name in _BOMS.items() if data.startswith(bom)), None)
    if encoding is None and (match := _ENCODING.match(data[:200])):
        encoding = match[1].decode("ascii")
    try:
        text = data.decode(encoding or "utf-8")
    except LookupError as e:
        raise UnicodeError(f"declares the unknown encoding {encoding}") from e
    return _DECLARATION.sub("", text, count=1)


def without_entities(svg: str, max_chars: int) -> str:
    """Expands the plain-text entities that drawing programs declare, and drops the document type.

    Args:
      svg: an SVG that declares entities.
      max_chars: of the result.

    Raises:
      ValueError: an entity from a file or of markup, too many, or too long a result.
    """
    refusal = "declares XML entities that are no plain text: save it as plain SVG, without them"
    match = _DOCTYPE.search(svg)
    if match is None or match["subset"] is None:
        raise ValueError(refusal)
    entities = {m[1]: m[2] if m[2] is not None else m[3] for m in _ENTITY.finditer(match["subset"])}
    if _ENTITY.sub("", match["subset"]).strip() or len(entities) > _MAX_ENTITIES:
        raise ValueError(refusal)
    if any(len(v) > _MAX_ENTITY_CHARS or re.search("[&<%]", v) for v in entities.values()):
        raise ValueError(refusal)
    body = svg[: match.start()] + svg[match.end() :]
    grown = len(body) + sum(body.count(f"&{name};") * len(v) for name, v in entities.items())
    if grown > max_chars or "<!ENTITY" in body:
        raise ValueError(refusal)
    return re.sub(r"&([\w:.-]+);", lambda m: entities.get(m[1], m[0]), body)
