"""The catalogue as its readers see it: records, versions, ids, and details."""

from __future__ import annotations

import pytest

from lorarec.catalog.ledger import Entry, Known, Partner, pack
from lorarec.catalog.rows import lora_id
from lorarec.catalog.store import Catalog
from lorarec.database import open_database
from lorarec.types import BaseModelGuess, Claim, Example, Lora, Origin, Role, RoleGuess, Safety, ScanProblem, Stats


@pytest.fixture
def catalog(tmp_path):
    with open_database(tmp_path) as database:
        yield Catalog(database)


def entry(path: str, root: str = "/r", *, problems: tuple[ScanProblem, ...] = (), **fields: object) -> Entry:
    lora = Lora(id="", root=root, path=path, size=3, modified=1.5, **fields)
    record, claims = pack(lora, [Claim("title", lora.title, "test", Origin.AUTHOR)])
    return Entry(root, path, 3, 1_500_000_000, f"stamp {path}", f"print {path}", record, claims, problems)


def known(catalog: Catalog) -> dict[str, Known]:
    return {one.path: one for one in catalog.ledger.known()}


def test_an_empty_catalogue(catalog):
    assert catalog.version() == 0
    assert catalog.loras() == [] and catalog.roots() == [] and catalog.problems() == []
    assert catalog.by_ids(["x"]) == [] and catalog.count() == 0


def test_a_full_record_comes_back_as_it_was(catalog):
    fields = {
        "title": "Tïtle 日本",
        "trigger_sets": (("a", "b"), ("c",)),
        "training_tags": (("1girl", 12),),
        "examples": (Example("prompt", "negative", 0.7, "base"),),
        "base_models": (BaseModelGuess("SDXL", 0.9, "e"),),
        "roles": (RoleGuess(Role.STYLE, 0.8, "tag"),),
        "stats": Stats(downloads=5, rating=4.5),
        "safety": Safety.MATURE,
        "hashes": ("abc",),
        "created": 1.25,
    }
    catalog.ledger.put([entry("a/b.pt", **fields)])
    expected = Lora(
        id=lora_id("/r", "a/b.pt"), root="/r", path="a/b.pt", size=3, modified=1.5, fingerprint="print a/b.pt", **fields
    )
    assert catalog.loras() == [expected]
    assert catalog.by_ids([expected.id, "unknown"]) == [expected]
    assert catalog.details(expected.id).lora == expected


def test_order_filters_and_counts(catalog):
    catalog.ledger.put([entry("b.pt"), entry("a.pt"), entry("z.pt", "/q")])
    assert [(x.root, x.path) for x in catalog.loras()] == [("/q", "z.pt"), ("/r", "a.pt"), ("/r", "b.pt")]
    assert [x.path for x in catalog.loras(roots=["/r"])] == ["a.pt", "b.pt"]
    assert catalog.loras(roots=[]) == []
    catalog.ledger.relocate({}, missing=[known(catalog)["a.pt"]])
    assert [x.path for x in catalog.loras(roots=["/r"])] == ["b.pt"]
    assert [x.missing for x in catalog.loras(include_missing=True, roots=["/r"])] == [True, False]
    assert (catalog.count(), catalog.count(missing=True)) == (2, 1)


def test_versions_grow_with_changes_only(catalog):
    catalog.ledger.put([entry("a.pt"), entry("b.pt")])
    first = catalog.version()
    assert first > 0
    catalog.ledger.put([entry("a.pt")])
    catalog.ledger.relocate({})
    assert catalog.version() == first
    catalog.ledger.put([entry("a.pt", title="new"), entry("b.pt")])
    assert catalog.version() == first + 1


def test_ids_survive_moves_and_are_never_given_twice(catalog):
    catalog.ledger.put([entry("a.pt")])
    first = catalog.loras()[0].id
    catalog.ledger.relocate({known(catalog)["a.pt"].key: ("/s", "b.pt")})
    moved = catalog.loras()[0]
    assert (moved.id, moved.root, moved.path) == (first, "/s", "b.pt")
    assert catalog.ledger.known()[0].stamp == ""
    catalog.ledger.put([entry("a.pt")])
    ids = {x.path: x.id for x in catalog.loras()}
    assert ids["b.pt"] == first and ids["a.pt"] == lora_id("/r", "a.pt", 1) != first


def test_many_at_once(catalog):
    entries = [entry(f"{n}.pt") for n in range(1500)]
    catalog.ledger.put(entries)
    catalog.ledger.put(entries)
    loras = catalog.loras()
    assert len({x.id for x in loras}) == len(loras) == 1500
    assert [x.id for x in catalog.by_ids([x.id for x in loras])] == [x.id for x in loras]


def test_a_mark_made_on_old_knowledge_is_ignored(catalog):
    catalog.ledger.put([entry("a.pt")])
    old = known(catalog)["a.pt"]
    catalog.ledger.relocate({old.key: ("/r", "b.pt")})
    catalog.ledger.relocate({}, missing=[old])
    assert [x.path for x in catalog.loras()] == ["b.pt"]


def test_partners_lie_over_records_and_outlive_new_descriptions(catalog):
    catalog.ledger.put([entry("a.pt"), entry("b.pt")])
    a, b = catalog.loras()
    catalog.ledger.set_partners({a.id: Partner(b.id, "high", "why"), b.id: Partner(a.id, "low", "why")})
    assert catalog.ledger.unpaired() is None
    version = catalog.version()
    catalog.ledger.put([entry("a.pt", title="new", noise="low")])
    a = catalog.loras()[0]
    assert (a.partner, a.noise, a.title) == (b.id, "high", "new")
    assert catalog.ledger.unpaired() == [(a.id, "a.pt"), (b.id, "b.pt")]
    catalog.ledger.set_partners({})
    assert catalog.loras()[0].partner == "" and catalog.loras()[0].noise == "low"
    assert catalog.version() == version + 2


def test_tables_of_the_first_versions_take_new_rows(tmp_path):
    """There a column that nobody reads any more had no default."""
    with open_database(tmp_path) as database:
        Catalog(database).ledger.put([entry("a.pt")])
        with database.write() as connection:
            made = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'lora'").scalar()
            assert "changed BIGINT NOT NULL" in made
            connection.exec_driver_sql("UPDATE lora SET changed = 7")
    with open_database(tmp_path) as database:
        again = Catalog(database)
        again.ledger.put([entry("a.pt", title="new"), entry("b.pt")])
        assert [(lora.path, lora.title) for lora in again.loras()] == [("a.pt", "new"), ("b.pt", "")]


def test_problems_follow_their_file(catalog):
    catalog.ledger.put([entry("a.pt", problems=(ScanProblem("a.json", "bad"), ScanProblem("a.pt", "worse")))])
    assert catalog.problems() == [ScanProblem("/r/a.json", "bad"), ScanProblem("/r/a.pt", "worse")]
    assert catalog.problems(["/other"]) == []
    catalog.ledger.relocate({}, missing=[known(catalog)["a.pt"]])
    assert catalog.problems() == []
    catalog.ledger.put([entry("a.pt", problems=(ScanProblem("a.json", "other"),))])
    assert catalog.problems() == [ScanProblem("/r/a.json", "other")]


def test_text_that_no_database_can_hold_is_refused_before_it_is_written():
    with pytest.raises(UnicodeEncodeError):
        pack(Lora(id="", root="/r", path="a", size=0, modified=0.0, title="\ud800"), ())
