"""Which installed LoRA an image means: by hash, Civitai version, path, file name or title, in this order.

Stronger evidence comes first and weaker evidence only chooses among what it left over. A name is no proof where a
stated hash or version belongs to another file: then nothing is linked. What several files could be stays ambiguous.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ..history_types import Linked, Use
from ..paths import folded, without_extension
from ..types import Lora

LEAST = 8  # hex digits a hash must have to say anything
NOTHING = "e3b0c442"  # SHA-256 of nothing begins so: a tool hashed a range that the file does not have
LONGEST_NAME = 400  # characters; prompts and other texts are no names
_AUTOV2, _AUTOV3, _SHA256 = 10, 12, 64  # hex digits; what has 64 may also be another kind
_HEX = frozenset("0123456789abcdef")
_UNKNOWN = Linked("", "")
_AMBIGUOUS = Linked("", "ambiguous")


class Links:
    """Links the uses in images to one state of the catalogue; a `Linker`. Safe from many threads."""

    def __init__(self, loras: Sequence[Lora]) -> None:
        """Index paths, names, titles, hashes and versions.

        Args:
            loras: full records in order of precedence; missing ones come after all present ones. Of files with one
                root-relative path only the first can be named, as in the hosts; the others are still found by hash. Of
                copies the first is meant.
        """
        loras = sorted(loras, key=lambda lora: lora.missing)
        self._ids = [lora.id for lora in loras]
        self._places = [lora.path for lora in loras]
        self._prints = [lora.fingerprint for lora in loras]
        self._versions = [lora.version_id for lora in loras]
        self._hashes = [lora.hashes for lora in loras]
        self._paths: dict[str, list[int]] = {}  # folded, without extension
        self._stems: dict[str, list[int]] = {}
        self._titles: dict[str, list[int]] = {}
        self._by_version: dict[str, list[int]] = {}
        self._by_hash: dict[str, list[int]] = {}  # by the first `LEAST` digits
        seen: set[str] = set()
        for row, lora in enumerate(loras):
            for digest in lora.hashes:  # cleaned by the catalogue
                self._by_hash.setdefault(digest[:LEAST], []).append(row)
            if lora.version_id:
                self._by_version.setdefault(lora.version_id, []).append(row)
            if lora.path in seen:
                continue
            seen.add(lora.path)
            path, _ = _key(lora.path)
            self._paths.setdefault(path, []).append(row)
            self._stems.setdefault(path.rpartition("/")[2], []).append(row)
            if lora.title:
                self._titles.setdefault(folded(lora.title.strip()), []).append(row)

    def __call__(self, use: Use) -> Linked:
        """The LoRA meant, and by which evidence."""
        hashed = self._hashed(usable(use.hashes)) if use.hashes else ()
        versioned = self._by_version.get(use.version_id, ()) if use.version_id else ()
        how, candidates = "", list[int]()
        for evidence, rows in (("hash", hashed), ("version", versioned), self._named(use.name)):
            if candidates:
                candidates = [row for row in candidates if row in rows] or candidates
            else:
                candidates = [row for row in rows if row in hashed or not self._another(row, use)]
            if candidates and not how and self._one(candidates):
                how = evidence  # weaker evidence may still choose among copies
        if how:
            return Linked(self._ids[candidates[0]], how)
        return _AMBIGUOUS if candidates else _UNKNOWN

    def known(self, name: str) -> bool:
        """Whether a string is the path or file name of one LoRA or more, extension optional. Titles do not count: they
        are ordinary words."""
        return self._named(name)[0] in ("path", "name")

    def _hashed(self, hashes: Sequence[str]) -> list[int]:
        """Rows with a hash that begins like one of these, or of which one of these begins like theirs."""
        found = {
            row
            for digest in hashes
            for row in self._by_hash.get(digest[:LEAST], ())
            if any(known.startswith(digest) or digest.startswith(known) for known in self._hashes[row])
        }
        return sorted(found)

    def _named(self, name: str) -> tuple[str, Sequence[int]]:
        """Rows that go by a name, and as what."""
        if not name or len(name) > LONGEST_NAME:
            return "", ()
        key, has_extension = _key(name)
        folder, _, stem = key.rpartition("/")
        # A bare stem may mean a file in any folder, as in the WebUI.
        if (folder or has_extension) and (rows := self._paths.get(key)):
            written = name.replace("\\", "/")
            return "path", [row for row in rows if self._places[row] == written] or rows
        if rows := self._stems.get(stem):
            if folder and len(rows) > 1:
                rows = [row for row in rows if _overlap(key, _key(self._places[row])[0])] or rows
                return ("path" if len(rows) == 1 else "name"), rows
            return "name", rows
        return "alias", self._titles.get(folded(name.strip()), ())

    def _one(self, rows: Collection[int]) -> bool:
        """Whether these are all the same file or copies of it."""
        prints = {self._prints[row] for row in rows}
        return len(rows) == 1 or (len(prints) == 1 and "" not in prints)

    def _another(self, row: int, use: Use) -> bool:
        """Whether a use with another version or with hashes that are not this LoRA's must mean another file.

        Only equal kinds can contradict each other, and with 64 digits the kind is not certain: SHA-256 of the file or
        of its tensors, or BLAKE3. A LoRA that knows its AutoV3 and something of 64 digits knows its SHA-256 too.
        """
        own = self._versions[row]
        if use.version_id and own and use.version_id != own:
            return True
        if not use.hashes:
            return False
        kinds = {len(digest) for digest in self._hashes[row]}
        stated = {len(digest) for digest in usable(use.hashes)}
        knows_autov2 = _AUTOV2 in kinds or (_AUTOV3 in kinds and _SHA256 in kinds)
        return (_AUTOV3 in stated and _AUTOV3 in kinds) or (_AUTOV2 in stated and knows_autov2)


def usable(hashes: Iterable[str]) -> tuple[str, ...]:
    """Lower-case hex digits of hashes as tools write them ("sha256:…", "0x…"), without those of nothing."""
    found = (digest.rpartition(":")[2].strip().lower().removeprefix("0x") for digest in hashes)
    return tuple(d for d in found if len(d) >= LEAST and not d.startswith(NOTHING) and _HEX.issuperset(d))


def _key(name: str) -> tuple[str, bool]:
    """A path as compared: forward slashes, folded, without extension; and whether it had one."""
    path = folded(name.strip().replace("\\", "/").strip("/"))
    key = without_extension(path)
    return key, key != path


def _overlap(one: str, other: str) -> bool:
    """Whether one path with a folder is the end of the other: an absolute path, or one below another root."""
    short, long = sorted((one, other), key=len)
    return "/" in short and f"/{long}".endswith(f"/{short}")
