import csv
import hashlib
import io
import json

import pytest

from accounts.errors import Invalid, NotPermitted
from accounts.models import AuditEvent
from labeling.errors import NothingToFreeze
from labeling.models import Comparison, Item, Prompt, Snapshot
from labeling.services import (
    freeze_snapshot,
    import_records,
    iter_export,
    measure_agreement,
    new_judgements_since_snapshot,
    project_figures,
    undo_last,
)
from tests.labeling.conftest import judge_next

NASTY = 'Tab\t, line\nend, "quotes", back\\slash \\n, control \x01, accents é, 漢字, \U0001f600, \u2028'


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.read_text() else []


def exported(project, format):
    return [json.loads(line) for line in b"".join(iter_export(project=project, format=format)).split(b"\n") if line]


@pytest.fixture
def judged(project, bob, add_pairs):
    add_pairs(40)
    choices = ["a", "b", "tie", "both_bad"]
    for number in range(40):
        choice = choices[number % 4]
        judge_next(project, bob, choice=choice, strength=number % 3 + 1 if choice in "ab" else None)
    return project


def test_a_snapshot_holds_every_counted_judgement_split_by_prompt(judged, alice, bob):
    snapshot = freeze_snapshot(project=judged, by=alice)
    train, held_out = (rows_of(snapshot.directory / f"{part}.jsonl") for part in ("train", "held_out"))
    assert len(train) + len(held_out) == 40 == snapshot.judgement_count
    parts = dict(Prompt.objects.values_list("pk", "held_out"))
    assert not any(parts[row["prompt_id"]] for row in train)
    assert all(parts[row["prompt_id"]] for row in held_out)
    for row in train:
        comparison = Comparison.objects.get(pk=row["judgement_ids"][0])
        assert row == {
            "judgement_ids": [comparison.pk],
            "prompt_id": comparison.item.prompt_id,
            "prompt": comparison.item.prompt.messages,
            "response_a": comparison.response_a.text,
            "response_b": comparison.response_b.text,
            "choice": comparison.choice,
            "strength": comparison.strength,
            "annotator": row["annotator"],
            "annotator_groups": [],
            "item_id": comparison.item_id,
            "axes": {},
            "kind": "comparison",
            "source": comparison.item.prompt.source,
            "policy": comparison.item.policy,
            "propensity": comparison.item.propensity,
            "chosen_by": "chance",
            "flags": [],
        }
    assert {row["annotator"] for row in train + held_out} != {str(bob.user_id)}
    assert len({row["annotator"] for row in train + held_out}) == 1
    prompts = rows_of(snapshot.directory / "prompts_train.jsonl") + rows_of(
        snapshot.directory / "prompts_held_out.jsonl"
    )
    assert {row["prompt_id"] for row in prompts} == set(parts)


def test_the_manifest_tells_what_is_in_the_files(judged, alice):
    snapshot = freeze_snapshot(project=judged, by=alice)
    manifest = json.loads((snapshot.directory / "manifest.json").read_text())
    assert manifest["content_hash"] == snapshot.content_hash == snapshot.directory.name
    assert manifest["judgement_ids"] == list(Comparison.objects.order_by("pk").values_list("pk", flat=True))
    assert manifest["counts"]["judgements"] == 40
    assert manifest["schema_version"] == 3
    for name, about in manifest["files"].items():
        content = (snapshot.directory / name).read_bytes()
        assert about == {"sha256": hashlib.sha256(content).hexdigest(), "rows": content.count(b"\n")}
    assert snapshot.manifest == {key: value for key, value in manifest.items() if key != "judgement_ids"}


def test_the_same_judgements_are_the_same_snapshot(judged, alice):
    first = freeze_snapshot(project=judged, by=alice)
    assert freeze_snapshot(project=judged, by=None) == first
    assert Snapshot.objects.count() == 1
    assert AuditEvent.objects.filter(verb="snapshot frozen").count() == 1
    assert [path.name for path in first.directory.parent.iterdir()] == [first.content_hash]


def test_files_that_were_lost_are_written_again(judged, alice):
    first = freeze_snapshot(project=judged, by=alice)
    before = (first.directory / "train.jsonl").read_bytes()
    for path in first.directory.iterdir():
        path.unlink()
    first.directory.rmdir()
    assert freeze_snapshot(project=judged, by=alice) == first
    assert (first.directory / "train.jsonl").read_bytes() == before


def test_what_is_taken_back_leaves_the_next_snapshot_and_stays_in_the_last(judged, alice, bob):
    first = freeze_snapshot(project=judged, by=alice)
    content = (first.directory / "train.jsonl").read_bytes()
    undo_last(project=judged, by=bob)
    second = freeze_snapshot(project=judged, by=alice)
    assert second.judgement_count == 39
    assert second.content_hash != first.content_hash
    assert (first.directory / "train.jsonl").read_bytes() == content


def test_without_judgements_there_is_nothing_to_freeze(project, alice, add_pairs, settings, tmp_path):
    add_pairs(2)
    with pytest.raises(NothingToFreeze, match="Judge some items"):
        freeze_snapshot(project=project, by=alice)


def test_an_annotator_may_not_freeze(judged, bob):
    with pytest.raises(NotPermitted):
        freeze_snapshot(project=judged, by=bob)


def test_new_judgements_are_counted_since_the_last_snapshot(project, alice, bob, add_pairs):
    assert new_judgements_since_snapshot(project) == 0
    add_pairs(5)
    judge_next(project, bob)
    assert new_judgements_since_snapshot(project) == 1
    freeze_snapshot(project=project, by=alice)
    assert new_judgements_since_snapshot(project) == 0
    judge_next(project, bob)
    assert new_judgements_since_snapshot(project) == 1


def test_a_pseudonym_is_another_one_in_another_project(judged, alice, bob):
    from labeling.services.pseudonyms import pseudonym

    assert pseudonym(1, bob.user_id) != pseudonym(2, bob.user_id)
    assert pseudonym(1, bob.user_id) == pseudonym(1, bob.user_id)


def test_preferences_for_trl_leave_out_where_neither_is_better(judged):
    rows = exported(judged, "preference")
    assert len(rows) == 20
    preferred = Comparison.objects.filter(choice__in="ab").order_by("pk")
    for row, comparison in zip(rows, preferred, strict=True):
        sides = (comparison.response_a.text, comparison.response_b.text)
        better, worse = sides if comparison.choice == "a" else sides[::-1]
        assert row == {
            "judgement_id": comparison.pk,
            "prompt": comparison.item.prompt.messages,
            "chosen": [{"role": "assistant", "content": better}],
            "rejected": [{"role": "assistant", "content": worse}],
            "margin": float(comparison.strength),
        }


def test_every_format_has_its_rows(judged):
    assert len(exported(judged, "jsonl")) == 40
    assert len(exported(judged, "sft")) == 20
    kto = exported(judged, "kto")
    assert (sum(row["label"] for row in kto), len(kto)) == (20, 60)
    table = list(csv.DictReader(io.StringIO(b"".join(iter_export(project=judged, format="csv")).decode())))
    assert len(table) == 40
    with pytest.raises(Invalid, match="jsonl, preference"):
        iter_export(project=judged, format="xlsx")


def test_any_text_comes_out_as_it_went_in(project, alice, bob):
    line = {"prompt": NASTY, "responses": [{"text": "=1+1" + NASTY}, {"text": "\\"}], "metadata": {"k": NASTY}}
    import_records(project=project, by=alice, lines=[json.dumps(line).encode()])
    judge_next(project, bob, reason=NASTY)
    (row,) = exported(project, "jsonl")
    assert row["prompt"] == [{"role": "user", "content": NASTY}]
    assert {row["response_a"], row["response_b"]} == {"=1+1" + NASTY, "\\"}
    assert (row["reason"], row["metadata"]) == (NASTY, {"k": NASTY})
    snapshot = freeze_snapshot(project=project, by=alice)
    frozen = [json.loads(line) for part in ("train", "held_out")
              for line in (snapshot.directory / f"{part}.jsonl").read_bytes().splitlines()]  # fmt: skip
    assert frozen[0]["prompt"] == row["prompt"]
    (cells,) = csv.DictReader(io.StringIO(b"".join(iter_export(project=project, format="csv")).decode(), newline=""))
    assert "'=1+1" + NASTY in (cells["response_a"], cells["response_b"])


def test_a_reader_who_hangs_up_leaves_a_usable_connection(judged):
    stream = iter_export(project=judged, format="jsonl")
    next(stream)
    stream.close()
    assert Item.objects.count() == 40


def test_figures_count_what_is_there(judged, bob):
    undo_last(project=judged, by=bob)
    figures = project_figures(judged)
    assert (figures.prompts, figures.responses, figures.items, figures.slots) == (40, 80, 40, 40)
    assert (figures.judgements, figures.leased, figures.open_slots, figures.annotators) == (39, 1, 0, 1)
    assert figures.judged_today == 39
    assert figures.progress == pytest.approx(39 / 40)


def test_agreement_undoes_the_sides(project, alice, bob, add_pairs):
    project.overlap = 2
    project.save()
    add_pairs(30)
    for member, wanted in ((alice, "Yes"), (bob, "Yes")):
        from labeling.services import lease_next
        from tests.labeling.conftest import judge

        while held := lease_next(project=project, by=member):
            texts = [entry.response.text for entry in held.item.item_responses.all()]
            shown = [texts[position] for position in held.shown_order]
            disagrees = member == bob and int(shown[0].split()[1].rstrip(".")) % 3 == 0
            pick = "ab"[not shown[0].startswith(wanted)]
            judge(held, member, choice="ab"[pick == "a"] if disagrees else pick)
    figures = measure_agreement(project)
    assert figures.percent_agreement.value == pytest.approx(20 / 30)
    assert (figures.judgements, figures.annotators, figures.items_with_two) == (60, 2, 30)
    assert figures.pairs[0].percent == pytest.approx(20 / 30)


def test_agreement_of_an_empty_project_claims_nothing(project):
    figures = measure_agreement(project)
    assert (figures.alpha, figures.percent_agreement, figures.pairs) == (None, None, [])
