"""The page's only script: the sliders, which all show and set one opacity; and settings that paper can't unfold."""

from __future__ import annotations

import base64
import hashlib

SCRIPT = """
"use strict";
const sliders = document.querySelectorAll(".control input");
function show(value) {
  document.documentElement.style.setProperty("--opacity", String(value / 100));
  for (const slider of sliders) {
    slider.value = value;
    slider.setAttribute("aria-valuetext", value + " %");
    slider.parentElement.querySelector("output").textContent = value + " %";
  }
}
for (const slider of sliders) {
  slider.parentElement.hidden = false;
  slider.addEventListener("input", () => show(Number(slider.value)));
}
show(50);
for (const [event, open] of [["beforeprint", true], ["afterprint", false]]) {
  addEventListener(event, () => document.querySelectorAll("details.paper").forEach((d) => { d.open = open; }));
}
"""


def content_policy() -> str:
    """A policy under which the page loads nothing, and runs this script and no other."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
