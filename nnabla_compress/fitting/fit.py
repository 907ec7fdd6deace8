# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network made to fit a device: cheap measures first, until flash, RAM and accuracy are met."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from nnabla_compress.errors import CompressError, ConfigError, InfeasibleBudgetError
from nnabla_compress.fitting.clock import Clock, time_text
from nnabla_compress.fitting.judge import Judge
from nnabla_compress.fitting.limits import Limits, Sizes
from nnabla_compress.fitting.measures import MEASURES
from nnabla_compress.fitting.measures.ratios import without_channels
from nnabla_compress.fitting.question import Question, question_of
from nnabla_compress.fitting.record import NAME, NOT_BEGUN, Attempt, FitRecord
from nnabla_compress.fitting.routes import FEWEST, Route, routes_of
from nnabla_compress.fitting.sensitivities import SHARES
from nnabla_compress.fitting.situation import Situation
from nnabla_compress.locks import NAME as LOCK
from nnabla_compress.locks import locked
from nnabla_compress.progress import Announce
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.runs.results import versions
from nnabla_compress.safe_names import shell_word
from nnabla_compress.sizes import size_text
from nnabla_compress.targets import TARGETS, target_named


def _quiet(name: str, total: int) -> Any:
    return lambda done, of, values: None


def fit(
    file: Union[str, Path],
    data: DataOptions,
    limits: Limits,
    folder: Path,
    seconds: float = 1800.0,
    targets: Sequence[str] = (),
    resume: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    announce: Announce = _quiet,
) -> FitRecord:
    """Makes a network fit a device.

    Each attempt is a run in a folder of its own, and the most accurate sizes are tried first: the
    network as it is, calibrated with equal bits, with bits by sensitivity, with channels and ranks
    by sensitivity, then trained, then with fewer channels. The first that keeps all limits is the
    answer. Accuracy is that of samples which nothing was fitted to; test samples, where there are
    others, are scored on in the end only.

    Args:
        file: The network, an ``.nnp``.
        data: Its data, their preprocessing, and the loss.
        limits: What must be kept.
        folder: Where attempts and ``fit.json`` go.
        seconds: How long it may take; what can't end in time is not begun.
        targets: Targets of exports that may be used; by default all.
        resume: Go on with the fit that the folder holds.
        tell: Called with each line that a user reads.
        announce: As of :meth:`nnabla_compress.runs.Run.execute`.

    Returns:
        What was tried and found; ``fit.json`` holds it, too.

    Raises:
        InfeasibleBudgetError: If no measure can meet the limits, with the least reachable.
        UnsupportedFunctionError: If no target runs the network.
        CompressError: For what else a user can mend.
    """
    clock = Clock(seconds)
    for target in targets:
        target_named(target)
    question = question_of(file, data)
    with locked(folder):
        record = _claimed(folder, _asked(question, limits, targets), resume)
        judge = Judge(question)
        count = len(judge.split)
        tell(
            f"float network: {judge.float.name} {100 * judge.float.value:.2f} % of {count:,} "
            f"held-out samples (one of them is {100 / count:.2g} points)"
        )
        routes = routes_of(question, targets or tuple(TARGETS), tell)
        _note_reachable(record, routes, judge, tell)
        _refuse_impossible(question, limits, routes)
        situation = Situation(
            question, limits, routes, judge, clock, folder, record, tell, announce
        )
        record.write(folder)
        for kind in MEASURES:
            kind().take(situation)
            if situation.answer is not None:
                break
        answer = situation.answer
        record.answer = None if answer is None else answer.name
        record.test = {} if answer is None else _tested(answer, judge, folder, tell)
        record.help = [] if answer is not None else _help(situation)
        record.ended = True
        record.write(folder)
    return record


def _asked(question: Question, limits: Limits, targets: Sequence[str]) -> Dict[str, Any]:
    recipe = question.plain.model_dump(mode="json")
    network = {key: recipe[key] for key in ("model", "data", "preprocessing", "loss", "seed")}
    return {**network, "limits": limits.as_dict(), "targets": list(targets)}


def _claimed(folder: Path, asked: Dict[str, Any], resume: bool) -> FitRecord:
    """The record to go on with, or a new one."""
    if (folder / NAME).exists():
        if not resume:
            raise ConfigError(
                f"{folder} holds a fit already.",
                help="--resume goes on with it; -o chooses another folder",
            )
        kept = FitRecord.read(folder)
        other = [key for key in asked if kept.asked.get(key) != asked[key]]
        if other:
            raise ConfigError(
                f"{folder} holds a fit of other {', '.join(other)}.",
                help="resume with the same options, or choose another folder with -o",
            )
        kept.answer, kept.help, kept.test, kept.ended = None, [], {}, False
        return kept
    others = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    if others:
        raise ConfigError(
            f"{folder} holds other files ({', '.join(others[:3])}), and no fit.",
            help=f"choose a new folder, such as -o {shell_word(folder / 'fit')}",
        )
    return FitRecord(asked, versions(), datetime.date.today().isoformat())


def _note_reachable(
    record: FitRecord, routes: Sequence[Route], judge: Judge, tell: Callable[[str], None]
) -> None:
    record.measured = {
        "accuracy": judge.float.value,
        "accuracy_name": judge.float.name,
        "samples": judge.float.samples,
    }
    for route in routes:
        plain, least = route.sizes(), route.of_bits(FEWEST)
        record.reachable[route.name] = {
            "as_it_is": {"flash": plain.flash, "ram": plain.ram},
            "least": {"flash": least.flash, "ram": least.ram},
        }
        codes = f"; weights of {FEWEST} bits: {least.text()}" if route.has_bits else ""
        tell(f"{route.name}: {plain.text()}{codes}")


def _refuse_impossible(question: Question, limits: Limits, routes: Sequence[Route]) -> None:
    """Refuses limits that no measure can meet, before anything is tried."""
    found: Dict[str, Sizes] = {}
    for share in (0.0, SHARES[-1]):
        before = [without_channels(share)] if share else []
        for route in routes:
            try:
                sizes = route.of_bits(FEWEST, before)
            except CompressError:
                continue  # a network whose channels can't go
            bits = f", weights of {FEWEST} bits" if route.has_bits else ""
            fewer = f", {share:.0%} of the channels removed" if share else ""
            found[f"target {route.name}{bits}{fewer}"] = sizes
        if any(limits.hold(sizes) for sizes in found.values()):
            return
        if not question.training:
            break  # without a training nothing is left of a network with fewer channels
    flash = min(found, key=lambda name: found[name].flash)
    ram = min(found, key=lambda name: found[name].ram)
    nearest = min(found, key=lambda name: _excess(found[name], limits))
    raise InfeasibleBudgetError(
        f"no measure can meet flash of at most {size_text(limits.flash)} and RAM of at most "
        f"{size_text(limits.ram)}. The least reachable: flash {size_text(found[flash].flash)} "
        f"({flash}), RAM {size_text(found[ram].ram)} ({ram}).",
        help=f"nearest to both comes {nearest}: flash {size_text(found[nearest].flash)}, RAM "
        f"{size_text(found[nearest].ram)}; raise the limits, or train a smaller network",
    )


def _excess(sizes: Sizes, limits: Limits) -> float:
    return max(sizes.flash / limits.flash, sizes.ram / limits.ram)


def _tested(
    answer: Attempt, judge: Judge, folder: Path, tell: Callable[[str], None]
) -> Dict[str, Any]:
    """Scores of the answer on samples that decided nothing."""
    split = judge.reported
    if split is None:
        return {}
    tell(f"{answer.name} on all {len(split):,} test samples, which decided nothing")
    plain, made = judge.of_float(split), judge.of_attempt(folder / answer.name, split)
    return {
        "samples": made.samples,
        "float": plain.value,
        "accuracy": made.value,
        "accuracy_name": made.name,
        "drop": made.below(plain),
    }


def _help(situation: Situation) -> List[str]:
    """What came nearest on each side, and what would help."""
    limits, lines = situation.limits, []
    small: Optional[Attempt] = next(iter(situation.small_enough), None)
    kept = [
        each
        for each in situation.record.attempts
        if each.sizes is not None and each.drop is not None and each.drop <= limits.drop
    ]
    if small is not None and small.drop is not None:
        lines.append(
            f"the most accurate one that is small enough is {small.name}: {small.drop:.2f} points "
            f"are lost, {limits.drop:g} are allowed; --accuracy-drop {small.drop:.2f} takes it"
        )
    if kept:
        best = min(kept, key=lambda each: _excess(each.sizes, limits))  # type: ignore[arg-type]
        assert best.sizes is not None
        lines.append(
            f"the smallest one that keeps the accuracy is {best.name}: {best.sizes.text()}, over "
            f"{' and '.join(limits.missed(best.sizes))}"
        )
    waiting = [each for each in situation.record.attempts if each.state == NOT_BEGUN]
    if waiting:
        lines.append(
            f"{len(waiting)} attempts were not begun for lack of time: more than --time "
            f"{time_text(situation.clock.limit).replace(' ', '')}, with --resume"
        )
    elif situation.question.training:
        lines.append("a longer training recovers more: more --time, in another folder")
    if not situation.question.training:
        lines.append("training samples (x_train, y_train) would allow to train")
    return lines
