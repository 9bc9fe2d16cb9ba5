"""Vectors of texts, kept in the database by the text's hash and the encoder's identity.

A changed description re-encodes one text; a changed encoder starts a set of its own and leaves the old one usable.
Every batch is a transaction: a killed process loses at most the batch in flight.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..batches import chunks
from ..database import Database
from ..errors import StorageError
from ..types import Cancelled, Encoder, Progress, ProgressSink

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Connection, MetaData

VERSION = 1
_WRITE = 512  # rows per transaction
_SCAN_SHARE = 0.2  # of a model's rows; whoever asks for more gets them by one scan
_PAUSE = 0.2  # seconds between looks at ``paused``


@functools.cache
def _tables() -> MetaData:
    import sqlalchemy as sa

    metadata = sa.MetaData()
    sa.Table(
        "encoder_model",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model_id", sa.Text, nullable=False, unique=True),
    )
    sa.Table(
        "text_vector",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.Integer, nullable=False),
        sa.Column("text_hash", sa.LargeBinary, nullable=False),  # 16 bytes
        sa.Column("vector", sa.LargeBinary, nullable=False),  # little-endian float32
        sa.UniqueConstraint("model", "text_hash"),
    )
    return metadata


def text_hash(text: str) -> str:
    """BLAKE2b of a text's UTF-8, 32 hex digits; lone surrogates count as "?"."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


class VectorStore:
    """Vectors by (text hash, model id). Safe to use from many threads and processes."""

    def __init__(self, database: Database) -> None:
        """Use a database, making the tables where they are missing."""
        self._database = database
        database.ensure("vectors", VERSION, _tables)

    def missing(self, hashes: Iterable[str], model_id: str) -> list[str]:
        """Those of the hashes that have no vector yet, each once, in the given order."""
        wanted = list(dict.fromkeys(hashes))
        with self._database.read() as connection:
            model = _model(connection, model_id)
            rows = _select(connection, model, wanted, "text_hash") if model else ()
            known = {bytes(row[0]) for row in rows}
        return [digest for digest in wanted if bytes.fromhex(digest) not in known]

    def put(self, model_id: str, hashes: Sequence[str], matrix: NDArray[np.float32]) -> None:
        """Store vectors, shape (n, dim), replacing older ones, in short transactions.

        Raises:
            ValueError: not as many vectors as hashes.
            StorageError: the database cannot be written.
        """
        if matrix.ndim != 2 or len(matrix) != len(hashes):
            raise ValueError(f"{len(hashes)} hashes need as many vectors, got an array of shape {matrix.shape}")
        plain = np.ascontiguousarray(matrix, "<f4")
        for start in range(0, len(hashes), _WRITE):
            with self._database.write() as connection:
                connection.exec_driver_sql("INSERT OR IGNORE INTO encoder_model (model_id) VALUES (?)", (model_id,))
                model = _model(connection, model_id)
                connection.exec_driver_sql(
                    "INSERT OR REPLACE INTO text_vector (model, text_hash, vector) VALUES (?, ?, ?)",
                    [
                        (model, bytes.fromhex(hashes[row]), plain[row].tobytes())
                        for row in range(start, min(start + _WRITE, len(hashes)))
                    ],
                )

    def fetch(self, hashes: Sequence[str], model_id: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Vectors of hashes in their order, repeats allowed.

        Returns:
            The matrix, (n, dim), zeros where nothing is stored, and whether something is, (n,). Without any hit the
            matrix has shape (n, 0).

        Raises:
            StorageError: stored vectors of this model differ in length.
        """
        places: dict[bytes, int] = {}
        rows = np.fromiter((places.setdefault(bytes.fromhex(h), len(places)) for h in hashes), np.int64, len(hashes))
        unique: NDArray[np.float32] = np.zeros((len(places), 0), np.float32)
        found = np.zeros(len(places), np.bool_)
        with self._database.read() as connection:
            model = _model(connection, model_id)
            wanted = [digest.hex() for digest in places]
            for digest, blob in _select(connection, model, wanted, "text_hash, vector") if model else ():
                place = places.get(digest)
                if place is None:
                    continue
                if not unique.shape[1]:
                    unique = np.zeros((len(places), len(blob) // 4), np.float32)
                if len(blob) != unique.shape[1] * 4:
                    raise StorageError(f"{self._database.path} holds vectors of different length for {model_id}")
                unique[place] = np.frombuffer(blob, "<f4")
                found[place] = True
        if len(places) == len(hashes):
            return unique, found
        return unique[rows], found[rows]

    def encode_missing(
        self,
        texts: Iterable[str],
        encoder: Encoder,
        *,
        batch: int = 256,
        progress: ProgressSink | None = None,
        cancelled: Cancelled | None = None,
        paused: Callable[[], bool] | None = None,
    ) -> int:
        """Encode and store the texts that have no vector of this encoder yet.

        Args:
            texts: any texts; equal ones count once.
            encoder: gives the vectors and their model id.
            batch: texts per transaction, that is, what a kill may lose.
            progress: gets a step of stage "encode" after each batch.
            cancelled: asked between batches; True ends the work, what is done stays.
            paused: asked between batches; the work waits while it is True.

        Returns:
            How many texts were encoded.
        """
        by_hash = {text_hash(text): text for text in texts}
        # Texts of similar length share a batch: less padding. The long ones first, so that time left is not flattered.
        todo = sorted(self.missing(by_hash, encoder.model_id), key=lambda digest: -len(by_hash[digest]))
        characters = sum(len(by_hash[digest]) + 1 for digest in todo)
        started, done, done_characters = time.monotonic(), 0, 0
        for start in range(0, len(todo), batch):
            waited = time.monotonic()
            while paused and paused() and not (cancelled and cancelled()):
                time.sleep(_PAUSE)
            started += time.monotonic() - waited  # waiting is not working: it must not spoil the rate
            if cancelled and cancelled():
                break
            part = todo[start : start + batch]
            self.put(encoder.model_id, part, encoder.encode([by_hash[digest] for digest in part]))
            done += len(part)
            done_characters += sum(len(by_hash[digest]) + 1 for digest in part)
            if progress:
                seconds = max(time.monotonic() - started, 1e-9)
                left = seconds * (characters - done_characters) / done_characters
                progress(Progress("encode", done, len(todo), done / seconds, left))
        return done

    def remove(self, hashes: Iterable[str]) -> None:
        """Delete the vectors of these texts, by whichever encoder."""
        with self._database.write() as connection:
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
            models = connection.exec_driver_sql("SELECT id FROM encoder_model").fetchall()  # the index begins with them
            pairs = [(model[0], bytes.fromhex(digest)) for digest in hashes for model in models]
            if pairs:
                connection.exec_driver_sql("DELETE FROM text_vector WHERE model = ? AND text_hash = ?", pairs)

    def prune(self, in_use: Callable[[], Collection[str] | None], stop: Cancelled = lambda: False) -> int:
        """Delete the vectors, of any encoder, of all texts that are not in use.

        Args:
            in_use: the hashes to keep, or None to delete nothing. Asked after the vectors were listed, so that what is
                stored meanwhile stays.
            stop: asked before each short transaction; True ends the work.

        Returns:
            How many were deleted.
        """
        with self._database.read() as connection:
            rows = connection.exec_driver_sql("SELECT id, text_hash FROM text_vector").fetchall()
        used = in_use()
        if used is None:
            return 0
        kept = {bytes.fromhex(digest) for digest in used}
        gone = [(row[0],) for row in rows if bytes(row[1]) not in kept]
        deleted = 0
        for start in range(0, len(gone), _WRITE):
            if stop():
                break
            part = gone[start : start + _WRITE]
            with self._database.write() as connection:
                connection.exec_driver_sql("DELETE FROM text_vector WHERE id = ?", part)
            deleted += len(part)
        return deleted

    def count(self) -> int:
        """Number of all vectors."""
        with self._database.read() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM text_vector").scalar() or 0)

    def counts(self) -> dict[str, int]:
        """Number of stored vectors of each encoder, by model id."""
        with self._database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT model_id, count(v.id) FROM encoder_model m LEFT JOIN text_vector v ON v.model = m.id GROUP BY 1"
            ).fetchall()
        return {str(row[0]): int(row[1]) for row in rows}


def _model(connection: Connection, model_id: str) -> int | None:
    row = connection.exec_driver_sql("SELECT id FROM encoder_model WHERE model_id = ?", (model_id,)).fetchone()
    return int(row[0]) if row else None


def _select(connection: Connection, model: int, hashes: Sequence[str], columns: str) -> Iterable[Sequence[bytes]]:
    """Rows of a model for these hashes, or, if they are many, all rows of the model."""
    stored = connection.exec_driver_sql("SELECT count(*) FROM text_vector WHERE model = ?", (model,)).scalar() or 0
    if len(hashes) > _SCAN_SHARE * stored:
        yield from connection.exec_driver_sql(f"SELECT {columns} FROM text_vector WHERE model = ?", (model,))
        return
    for chunk in chunks(hashes):
        part = tuple(bytes.fromhex(digest) for digest in chunk)
        marks = ",".join("?" * len(part))
        sql = f"SELECT {columns} FROM text_vector WHERE model = ? AND text_hash IN ({marks})"
        yield from connection.exec_driver_sql(sql, (model, *part))
