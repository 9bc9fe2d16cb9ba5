"""Draws suggest.svg, the picture in the README: the demo's first and last prompt as the command line answers them.

Run it from the repository root: ``python docs/images/make.py``. It needs the default encoder.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from lorarec import Recommender, sample  # noqa: E402 - of this repository, installed or not
from lorarec.commands.demo import SCENES, show_scene  # noqa: E402
from lorarec.settings import Settings  # noqa: E402

COLUMNS = 104


def main() -> None:
    """Answer the prompts and write the picture."""
    screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    out = Console(
        file=screen, record=True, width=COLUMNS, force_terminal=True, color_system="truecolor", highlight=False
    )
    with tempfile.TemporaryDirectory() as place:
        sample.write(Path(place, "loras"))
        with Recommender.open([Path(place, "loras")], Path(place, "data"), settings=Settings()) as recommender:
            recommender.refresh()
            for scene, count in ((SCENES[0], 3), (SCENES[-1], 1)):
                show_scene(scene, recommender.recommend(scene.query, count), out)
            out.print()  # rich cuts the last line's descenders off
    picture = out.export_svg(title="lorarec")
    # The picture must not fetch a font from elsewhere when it is looked at.
    picture = re.sub(r"@font-face \{.*?\}\n?", "", picture, flags=re.DOTALL)
    picture = picture.replace("font-family: Fira Code", "font-family: 'Fira Code', 'DejaVu Sans Mono', Consolas")
    picture = "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"
    (HERE / "suggest.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
