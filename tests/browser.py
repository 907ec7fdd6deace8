# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A page in headless Chromium: what it logs, and whether anything overflows or overlaps.

The page stands in frames of several widths, in light and dark; a script beside them looks at the
boxes of all texts and writes what is wrong into the page, which Chromium prints.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import pytest

WIDTHS = (360, 1280)
_DARK = "@media (prefers-color-scheme: dark)"
_LOOK = """
function boxes(frame) {
  const page = frame.contentDocument, wide = page.documentElement.clientWidth, found = [];
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    if (!node.data.trim() || node.parentElement.closest("title, .skip, style")) continue;
    const range = page.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (!box.width || !box.height) continue;
      found.push({box, text: node.data.trim(), element: node.parentElement});
    }
  }
  return {found, wide, page};
}
function wrongs(frame) {
  const said = [], {found, wide, page} = boxes(frame);
  const needs = page.documentElement.scrollWidth;
  if (needs > wide) said.push("the page is " + needs + " wide");
  for (const {box, text, element} of found) {
    if (!element.closest(".scroll") && (box.right > wide + 1 || box.left < -1))
      said.push("beyond the page: " + text);
    const svg = element.closest("svg");
    if (svg) {
      const whole = svg.getBoundingClientRect();
      const across = box.right > whole.right + 2 || box.left < whole.left - 2;
      if (across || box.top < whole.top - 2 || box.bottom > whole.bottom + 2)
        said.push("beyond its drawing: " + text);
    }
  }
  for (let i = 0; i < found.length; i++) for (let j = i + 1; j < found.length; j++) {
    const a = found[i], b = found[j];
    if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
    if (a.element.closest(".scroll") !== b.element.closest(".scroll")) continue;
    const x = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
    const y = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
    if (x > 2 && y > 4) said.push("over each other: " + a.text + " / " + b.text);
  }
  return said.slice(0, 20);
}
window.onload = () => {
  const all = {};
  for (const frame of document.querySelectorAll("iframe")) {
    for (const part of frame.contentDocument.querySelectorAll("details")) part.open = true;
    const texts = boxes(frame).found.length;
    all[frame.name] = {wrong: wrongs(frame), texts, scripts: frame.contentDocument.scripts.length};
  }
  document.getElementById("verdict").textContent = JSON.stringify(all);
};
"""


def chromium():
    """Returns the browser, or skips the test."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed: the page is not looked at")
    return found


def looked_at(page, folder):
    """Returns what is wrong with a page, by width and light, and what the browser logged of it.

    Args:
        page: The text of the page.
        folder: For files.

    Returns:
        A dict by frame with "wrong", "texts" and "scripts", and the logged lines.
    """
    frames = []
    for width in WIDTHS:
        for name, text in (("light", page), ("dark", page.replace(_DARK, "@media all"))):
            frames.append(
                f'<iframe name="{width} {name}" width="{width}" height="900" '
                f'srcdoc="{html.escape(text)}"></iframe>'
            )
    whole = f"<body>{''.join(frames)}<pre id=verdict></pre><script>{_LOOK}</script></body>"
    (folder / "frames.html").write_text(whole, encoding="utf-8")
    printed, logged = opened(folder / "frames.html", folder)
    (verdict,) = re.findall(r'<pre id="verdict">(.*?)</pre>', printed, re.S)
    return json.loads(html.unescape(verdict)), logged


def opened(path, folder):
    """Returns a file as the browser has it in the end, and what it logged."""
    done = subprocess.run(
        [
            chromium(),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000"),
            *("--enable-logging=stderr", "--v=0", f"--user-data-dir={folder / 'profile'}"),
            *("--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    logged = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, logged
