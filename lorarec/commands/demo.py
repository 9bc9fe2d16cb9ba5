"""Try lorarec on a bundled collection of 60 invented LoRAs: writes the files, indexes them and answers three prompts.

The files go to a folder of their own; your LoRA folders, settings and index are not touched.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from ..errors import UsageError
from ..paths import expanded
from ..present import console, print_json, remarks, show_suggestions
from ..progress import progress
from ..settings import Settings
from ..types import Active, Query, Suggestions
from .arguments import add_json
from .common import own_command, quoted

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 3


class Scene(Struct, frozen=True):
    """One query of the demo; it names a base model."""

    title: str
    query: Query


SCENES = (
    Scene(
        "A tag prompt, as for anime models, on an Illustrious checkpoint",
        Query(
            prompt="masterpiece, best quality, 1girl, (white hair:1.2), grey coat, holding lantern, snow, night, "
            "mountain village, warm light",
            negative="lowres, bad anatomy",
            base_model="Illustrious",
        ),
    ),
    Scene(
        "Prose for SDXL, with a style already in use: strengths make room for it",
        Query(
            prompt="an oil painting of a castle on a floating island above the clouds, "
            "waterfalls falling into the sky, a knight in armor on the bridge",
            active=(Active("impasto_knife_xl", 0.8),),
            base_model="SDXL",
        ),
    ),
    Scene(
        "Something this collection has nothing for",
        Query(
            prompt="a football player scores a goal in a crowded stadium, motion blur",
            base_model="flux1-dev-fp8.safetensors",
        ),
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--out", metavar="DIR", help="where to write the collection (default: a new temporary folder)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Write, index, suggest."""
    from .. import sample
    from ..recommender import Recommender

    if args.loras:
        raise UsageError(f"demo uses its own LoRAs; for yours: {own_command()} suggest PROMPT --loras DIR")
    place = Path(expanded(args.out)) if args.out else Path(tempfile.mkdtemp(prefix="lorarec-demo-"))
    loras, data = place / "loras", Path(args.data) if args.data else place / "data"
    files = sample.write(loras)
    # Defaults, so that everybody sees the same.
    recommender = Recommender.open([loras], data, settings=Settings())
    try:
        with progress() as meter:
            recommender.refresh(meter)
        answers = [recommender.recommend(scene.query, SHOWN) for scene in SCENES]
        remarks(recommender.notices)
    finally:
        recommender.close()
    if args.json:
        prompts = [scene.query.prompt for scene in SCENES]
        print_json([{"prompt": prompt, **_dict(found)} for prompt, found in zip(prompts, answers, strict=True)])
        return 0
    out = console()
    _line(out, f"{len(files)} invented LoRAs in {loras}", "dim")
    for scene, found in zip(SCENES, answers, strict=True):
        show_scene(scene, found, out)
    _next(out, loras, data)
    return 0


def _dict(found: Suggestions) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__struct_fields__}


def show_scene(scene: Scene, found: Suggestions, out: Console) -> None:
    """Print a prompt and its answer."""
    out.print()
    _line(out, scene.title, "bold magenta")
    _line(out, f"prompt: {scene.query.prompt}", "italic")
    _line(out, f"checkpoint: {scene.query.base_model}", "italic")
    for item in scene.query.active:
        _line(out, f"active: {item.name} at {item.strength:g}", "italic")
    out.print()
    show_suggestions(found, out, least=Settings().min_score)


def _next(out: Console, loras: Path, data: Path) -> None:
    """Two commands to go on with: the same collection, and the user's own."""
    command = own_command()
    out.print()
    _line(out, "Try another prompt on these:", "bold")
    print(f'  {command} suggest "pip robot in a greenhouse" --loras {quoted(str(loras))} --data {quoted(str(data))}')
    _line(out, "Then on your own LoRAs (the first line once):", "bold")
    print(f"  {command} index --loras /path/to/models/loras")
    print(f'  {command} suggest "your prompt"')


def _line(out: Console, text: str, style: str = "") -> None:
    from rich.text import Text

    out.print(Text(text, style))
