"""The command line: reads arguments, runs one verb of `commands`, turns errors into sentences and exit codes.

Exit codes: 0 done (also when nothing fits), 1 failed with one sentence, 2 wrong usage, 130 stopped by Ctrl-C.
Only the module of the verb that was called is imported, so that a suggestion does not pay for the benchmark's imports.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from . import __version__
from .errors import LorarecError, UsageError, missing_package

INTERRUPTED = 130


class Verb(NamedTuple):
    """A verb: its module in `commands`, which has ``add_arguments(parser)`` and ``run(args) -> int``."""

    module: str
    help: str


VERBS: dict[str, Verb] = {
    "suggest": Verb("suggest", "suggest LoRAs for a prompt"),
    "similar": Verb("similar", "find LoRAs like one you have"),
    "show": Verb("show", "show everything known about a LoRA, with its sources"),
    "index": Verb("index", "scan LoRA folders and bring the index up to date"),
    "hash": Verb("hash", "compute full hashes of all LoRA files (reads every byte; can be stopped and resumed)"),
    "harvest": Verb("harvest", "learn from the images you have made"),
    "import": Verb("import_", "take over usage counts, recipes and likes from other tools"),
    "history": Verb("history", "show, export or delete what is remembered of what you make; switch it off or on"),
    "profile": Verb("profile", "show what your history says about you: favourites, styles, strengths, habits"),
    "feedback": Verb("feedback", "like, dislike, hide or dismiss LoRAs"),
    "serve": Verb("serve", "serve suggestions to other programs: a REST API on this machine"),
    "ui": Verb("ui", "open the page with everything: suggestions, catalogue, index, profile, history, settings"),
    "models": Verb("models", "list, download and choose text encoders"),
    "settings": Verb("settings", "show or change settings"),
    "doctor": Verb("doctor", "check the installation, the data folder and the LoRA folders"),
    "demo": Verb("demo", "try it on a bundled collection of invented LoRAs"),
    "evaluate": Verb("evaluate", "measure the quality of suggestions on a benchmark"),
    "bench": Verb("bench", "measure speed and memory on this machine"),
    "train": Verb("train", "train the blend of signals anew from a benchmark"),
}

_EPILOG = """\
Every verb takes --loras DIR (repeatable) and --data DIR, before or after its own arguments. Without them the
environment variables LORAREC_LORAS and LORAREC_DATA and the settings file decide.
`lorarec VERB --help` explains a verb. Results go to stdout, everything else to stderr.
"""


def add_folders(parser: argparse.ArgumentParser, prefix: str = "") -> None:
    """Add --loras and --data. ``prefix`` keeps apart what was given before the verb."""
    group = parser.add_argument_group("folders")
    group.add_argument(
        "--loras",
        action="append",
        metavar="DIR",
        dest=prefix + "loras",
        default=argparse.SUPPRESS,
        help="a LoRA folder; may be given several times",
    )
    group.add_argument(
        "--data",
        metavar="DIR",
        dest=prefix + "data",
        default=argparse.SUPPRESS,
        help="the folder lorarec keeps its index and settings in",
    )


class _VerbParser(argparse.ArgumentParser):
    """A verb's parser, which asks the verb's module for its arguments when it is first used."""

    verb: Verb | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.verb is not None:
            verb, self.verb = self.verb, None
            module = import_module(f".commands.{verb.module}", __package__)
            module.add_arguments(self)
            add_folders(self)
            if module.__doc__:
                self.description = module.__doc__.strip()
            self.set_defaults(run=module.run)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:  # told here, with the usage of the verb; the parser above would show its own
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._near(unknown[0])}")
        return found, unknown

    def _near(self, word: str) -> str:
        """The option that was probably meant, as the end of a sentence; "" if none."""
        from difflib import get_close_matches

        near = get_close_matches(word.partition("=")[0], self._option_string_actions, 1)
        return f"; did you mean {near[0]}?" if near else ""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; verbs fill in their arguments when they are called."""
    parser = argparse.ArgumentParser(
        prog="lorarec",
        description="Recommends the LoRAs you have installed for the prompt you are writing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"lorarec {__version__}")
    add_folders(parser, "before_")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_VerbParser)
    for name, verb in VERBS.items():
        sub = verbs.add_parser(
            name, help=verb.help, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )
        sub.verb = verb
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse arguments; ``loras`` (list) and ``data`` (or None) are always set, wherever they were given."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.verb is None:
        parser.print_help(sys.stderr)
        raise SystemExit(2)
    args.loras = [*getattr(args, "before_loras", ()), *getattr(args, "loras", ())]
    args.data = getattr(args, "data", None) or getattr(args, "before_data", None)
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a character gets an escape instead of a crash.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    try:
        args = parse(sys.argv[1:] if argv is None else argv)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except SystemExit as leave:  # argparse has said what was wrong
        return leave.code if isinstance(leave.code, int) else 0 if leave.code is None else 1
    except BrokenPipeError:
        return _pipe_closed()
    except KeyboardInterrupt:
        return _fail("stopped; what was finished before is kept", INTERRUPTED)
    except UsageError as error:
        return _fail(f"{error}", 2)
    except LorarecError as error:
        return _fail(f"{error}", 1)
    except ImportError as error:
        missing = missing_package(error)
        if missing is None:
            raise
        return _fail(f"{missing}", 1)
    except OSError as error:
        if error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", 1)


def _fail(sentence: str, code: int) -> int:
    sys.stdout.flush()
    print(f"lorarec: {sentence}", file=sys.stderr)
    return code


def _pipe_closed() -> int:
    """Whoever read our output has enough (``| head``): not our failure. Keeps the interpreter from flushing again."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
    return 0


def run() -> NoReturn:
    """Entry point of ``python -m lorarec``."""
    raise SystemExit(main())
