# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whether the files compute what was trained."""

from __future__ import annotations

from typing import List, Optional

from markupsafe import Markup

from nnabla_compress.report.page.elements import element
from nnabla_compress.report.page.numbers import percent, short
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import table
from nnabla_compress.report.result_tables import nnb_score_line

_EXACT = 299.0


def verification(reported: Reported) -> Optional[Section]:
    """Returns what was compared with the files; None if nothing was.

    Args:
        reported: What the report is about.
    """
    blocks: List[Markup] = []
    results = reported.results
    rows = []
    for name, part in (("float.nnp", results.float), ("results.nnp", results.compressed)):
        back = None if part is None else part.read_back
        if back:
            wrong = back["largest_difference"]
            said = "value for value" if wrong == 0 else f"{short(wrong)} of the output"
            rows.append([name, said, f"{short(back['tolerance'])} of the output"])
    if rows:
        heads = ["file", "largest difference to the network", "allowed"]
        blocks.append(table(heads, rows, "Each file, read back after it was written"))
    score = None if results.compressed is None else results.compressed.nnb_score
    if score is not None:
        blocks.append(element("p", f"T{nnb_score_line(score)[1:]}."))
    found = reported.verification
    if found:
        blocks.append(_comparisons(found))
        broken = not found["kept"]
        said = "A promise of equality is broken." if broken else "All promises are kept."
        blocks.append(element("p", element("strong", said, class_="bad" if broken else "good")))
    elif blocks:
        command = f"nnabla-compress verify {reported.place}"
        blocks.append(
            element(
                "p",
                "What the device computes, sample by sample, is told by ",
                element("code", command),
                ".",
            )
        )
    return Section("Verification", blocks) if blocks else None


def _comparisons(found: object) -> Markup:
    assert isinstance(found, dict)
    rows = []
    for comparison in found["comparisons"]:
        for output in comparison["outputs"]:
            snr = output["snr"]
            same = output["same_class"]
            rows.append(
                [
                    " – ".join(comparison["between"]),
                    output["output"],
                    percent(output["equal"]),
                    "" if snr is None else "exact" if snr >= _EXACT else f"{snr:.1f}",
                    "" if same is None else percent(same),
                    comparison["promised"],
                    "yes" if comparison["kept"] else "NO",
                ]
            )
    heads = ["compared", "output", "equal numbers", "SNR, dB", "same class", "promised", "kept"]
    count = found["samples"]["count"]
    return table(heads, rows, f"Agreement on {count} samples", numbers=(2, 3, 4))
