"""Names of LoRAs that only the history knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorarec.errors import UnknownLora
from lorarec.history.adding import UsageCount
from lorarec.history_types import Generation, Use
from lorarec.naming import remembered
from lorarec.recommender import Recommender


def test_what_images_and_other_tools_named_is_a_name(tmp_path: Path, mini_library: Path) -> None:
    (tmp_path / "settings.json").write_text('{"encoder_semantic": "absent/encoder"}', encoding="utf-8")
    with Recommender.open([mini_library], tmp_path) as recommender:
        memory = recommender.memory
        memory.record_generation(Generation(prompt="a", loras=(Use(name="of an image", strength=1.0),)))
        memory.history.add_usage("a tool", [UsageCount(use=Use(name="only counted"), count=3)], memory.links)
        assert remembered(recommender, "of an image") == "of an image", "also before the first scan"
        recommender.refresh()
        assert remembered(recommender, "only counted") == "only counted"
        assert remembered(recommender, "red_knight") == recommender.find("red_knight").id
        for name in ("", "nobody"):
            with pytest.raises(UnknownLora, match="nor does the history"):
                remembered(recommender, name)
