from __future__ import annotations

import re
from html.parser import HTMLParser

from imgae_monai.audit import audit_source, render_page
from imgae_monai.audit import page as page_module
from imgae_monai.data import read_source


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.sources += [value for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_needs_nothing_beside_it(spoilt_audit):
    tags = Tags(render_page(spoilt_audit))
    assert tags.open == []
    assert not {"script", "link", "iframe"} & set(tags.seen)
    assert len(tags.sources) > 10
    assert all(source.startswith("data:image/jpeg;base64,") for source in tags.sources)


def test_names_from_the_data_do_not_run(spoilt_audit):
    page = render_page(spoilt_audit)
    assert "<script" not in page
    assert "test/normal/&lt;script&gt;alert(1)&lt;b&gt;.png" in page


def test_the_verdict_comes_first(spoilt_audit):
    page = render_page(spoilt_audit)
    assert page.index("Not fit for training as it is") < page.index("<section>")
    assert "<p class='verdict error'>" in page


def test_pictures_are_capped(spoilt_audit, monkeypatch):
    monkeypatch.setattr(page_module, "MAX_THUMBNAILS", 3)
    assert Tags(render_page(spoilt_audit)).seen.count("img") == 3
    monkeypatch.setattr(page_module, "_MAX_GROUPS", 1)
    assert "and 1 more in report.json" in render_page(spoilt_audit)


def test_the_page_of_phantoms_says_so(phantoms):
    page = render_page(audit_source(read_source(phantoms), workers=1))
    assert "SYNTHETIC DATA" in page
    assert re.search(r"<td>test</td><td class='number'>12</td><td class='number'>12</td>", page)
