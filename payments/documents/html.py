"""A document as a page that needs nothing else: one style, no script, everything escaped. Pure."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from payments.documents.layout import laid_out
from payments.documents.model import Document

_SOURCE = files("payments.documents").joinpath("document.html").read_text(encoding="utf-8")
_TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True).from_string(_SOURCE)


def page_of(document: Document) -> bytes:
    """The page. The same document is always the same bytes."""
    return _TEMPLATE.render(sheet=laid_out(document), number=document.number).encode()


def content_security_policy() -> str:
    """A policy under which a page has its own style, and nothing is run, fetched, framed or sent."""
    styles = re.findall(r"<style>(.*?)</style>", _SOURCE, re.DOTALL)
    allowed = " ".join(f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in styles)
    return (
        f"default-src 'none'; style-src {allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
    )
