# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The command line: one file a verb, each a thin call of the library."""

from __future__ import annotations

import importlib
import sys
from typing import Any, List, Optional

import click

from nnabla_compress._version import __version__
from nnabla_compress.cli.faults import fault
from nnabla_compress.cli.interrupts import Interrupts
from nnabla_compress.cli.streams import OutputError, Streams
from nnabla_compress.errors import causes
from nnabla_compress.names import printable, shortened_words
from nnabla_compress.spelling import did_you_mean

# Each is a module of this package, imported when it is asked for, so that help is quick.
VERBS = (
    "run",
    "compress",
    "prune",
    "factorize",
    "ptq",
    "evaluate",
    "export",
    "verify",
    "report",
    "diagnose",
    "device-test",
    "inspect",
    "explain",
    "sensitivity",
    "assign-bits",
    "fit",
    "sweep",
    "embed",
    "console",
)
_OTHER_NAMES = {"assign": "assign-bits"}
# 128 and the number of the signal, as shells have it: SIGINT, SIGPIPE.
_STOPPED, _READER_LEFT = 130, 141


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> List[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        return None if cmd_name not in VERBS else _module(cmd_name).command

    def resolve_command(self, ctx: click.Context, args: List[str]) -> Any:
        args = [_OTHER_NAMES.get(word, word) for word in args[:1]] + args[1:]
        if args and args[0] not in VERBS:
            ctx.fail(f"No such command {args[0]!r}: {did_you_mean(args[0], VERBS)}.")
        return super().resolve_command(ctx, args)


def _module(verb: str) -> Any:
    return importlib.import_module(f"nnabla_compress.cli.{verb.replace('-', '_')}")


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="nnabla-compress")
def group() -> None:
    """Makes NNabla networks small enough for a device, and proves what the device computes.

    \b
    Train, compress and export as a recipe says:
        nnabla-compress run configs/digits/lenet-lutq-4bit-pow2.yaml
    Go on with a run that was stopped:
        nnabla-compress run configs/digits/lenet-lutq-4bit-pow2.yaml --resume
    Compress an .nnp file that exists, without its training script:
        nnabla-compress compress network.nnp --weights lut:bits=4 -o out
    Remove half of the channels of one:
        nnabla-compress prune network.nnp --filters 50% -o out
    Put smaller layers in the place of its own:
        nnabla-compress factorize network.nnp --method spatial --macs 60% -o out
    Quantize one after its training, in minutes, without labels:
        nnabla-compress ptq network.nnp --data data.npz -o out
    What a network consists of, and what it would weigh:
        nnabla-compress inspect network.nnp
    The accuracy of an .nnp file on a recipe's data:
        nnabla-compress evaluate network.nnp --recipe configs/cifar10/resnet20-lutq-4bit.yaml
    Look at what a run brought, and why it lost accuracy:
        nnabla-compress report out; nnabla-compress diagnose out

    Exit status: 0 done, 1 an error, 2 bad usage, 130 stopped by Ctrl-C, 141 the reader of standard
    output has left.
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"


def main(arguments: Optional[List[str]] = None) -> None:
    """Runs the command line and leaves with its exit status.

    It is 0, 1 for an error, 2 for bad usage, 130 after Ctrl-C, and 141 without a word if the reader
    of standard output has left, as ``head`` does.

    Args:
        arguments: The words after the program's name; by default those of the process.
    """
    given = sys.argv[1:] if arguments is None else arguments
    with Streams() as streams:
        status = _carried_out(given, streams)
    sys.exit(status)


def _carried_out(given: List[str], streams: Streams) -> int:
    """Carries a command out, says what went wrong, and returns the exit status."""
    with Interrupts() as interrupts:
        try:
            group.main(args=list(given), prog_name="nnabla-compress", standalone_mode=False)
            sys.stdout.flush()
            return 0
        except BaseException as error:
            if interrupts.stopped(error):
                _say(f"stopped. {_way_on(given)}")
                interrupts.leave(_STOPPED)
            refused = next((each for each in causes(error) if isinstance(each, OutputError)), None)
            if refused is None:
                return _told(error)
            streams.drop_output()
            return _refused(refused)


def _way_on(arguments: List[str]) -> str:
    """What to do after a verb was stopped: only some can go on."""
    verb = next((word for word in arguments if word in VERBS), None)
    parameters = [] if verb is None else _module(verb).command.params
    if any(parameter.name == "resume" for parameter in parameters):
        return "The same command with --resume goes on from the last checkpoint."
    return "Nothing is half-written; the same command begins again."


def _refused(error: OutputError) -> int:
    """Says why standard output took no more, but for a reader that has seen enough."""
    if error.reader_left:
        return _READER_LEFT
    _say(
        f"can't write to standard output: {error}.\n"
        "help: send it elsewhere; files that were written by then are whole"
    )
    return 1


def _told(error: BaseException) -> int:
    """Says what went wrong; returns the exit status."""
    said, status = fault(error)
    if said:
        _say(said)
    return status


def _say(text: str) -> None:
    """Prints to standard error, control characters and the middle of endless names spelled out."""
    print(printable(shortened_words(text)), file=sys.stderr)
