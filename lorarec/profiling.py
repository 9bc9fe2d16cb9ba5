"""The user's profile: the history, the library and the vectors of both, put together for `history.profile`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .prompt.background import shares
from .prompt.read import clean
from .prompt.syntax import parse
from .prompt.terms import terms

if TYPE_CHECKING:
    from .history.statements import Profile
    from .library import Library
    from .remembering import Memory

Floats = NDArray[np.float32]


def profile(memory: Memory, library: Library | None, *, project: str = "", since: float | None = None) -> Profile:
    """What the history says about its user.

    Args:
        memory: the history.
        library: what is installed; None: nothing is.
        project: the project that counts fully; "" = all do.
        since: seconds since the epoch; None: from the beginning.

    Raises:
        StorageError: the database fails.
    """
    from .history.profile import profile as describe

    history = memory.history
    past = history.past()
    lora_vectors = None if library is None or library.vectors is None else np.asarray(library.vectors.semantic)
    return describe(
        past,
        history.usage(),
        history.opinions(),
        () if library is None else tuple(library.loras),
        now=time.time(),
        words=lambda text: terms(parse(text).text),
        ordinary=shares(),
        project=project,
        since=since,
        hidden=history.hidden(),
        groups=None if library is None else library.groups,
        vectors=memory.vectors([clean(one.prompt) if one.prompt else "" for one in past]) if past else None,
        lora_vectors=lora_vectors,
    )
