"""Settings by which LoRAs are matched by words alone: no encoder has the name that they give."""

from __future__ import annotations

from lorarec.settings import Settings

NOBODY = "nobody/has-this-model"
WORDS_ONLY = Settings(encoder_semantic=NOBODY, encoder_artistic=NOBODY, encoder_technical=NOBODY)
