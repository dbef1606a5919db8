"""The real trainers of TRL take a step on what is exported, in every format that is made for them."""

from uuid import uuid4

import pytest

from labeling.services import iter_export, lease_next, make_items, submit_judgement, update_project
from tests.labeling.conftest import judge_next

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    from training.recipes.tiny_model import make_tiny_model

    directory = tmp_path_factory.mktemp("tiny")
    make_tiny_model(directory)
    return directory


@pytest.fixture
def step(project, tiny, tmp_path):
    """One step of a trainer on an export read as Hugging Face's datasets read a file."""

    def step(format: str, trainer: str, **settings):
        import datasets
        import trl
        from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

        torch.set_num_threads(1)
        path = tmp_path / f"{format}.jsonl"
        path.write_bytes(b"".join(iter_export(project=project, format=format)))
        rows = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
        config = getattr(trl, f"{trainer}Config")(
            output_dir=str(tmp_path / "out"), max_steps=1, use_cpu=True, bf16=False, report_to=[], save_strategy="no",
            per_device_train_batch_size=2, dataloader_pin_memory=False, disable_tqdm=True, **settings,
        )  # fmt: skip
        tokenizer = AutoTokenizer.from_pretrained(tiny)
        if trainer == "Reward":
            model = AutoModelForSequenceClassification.from_pretrained(tiny, num_labels=1)
            model.config.pad_token_id = tokenizer.pad_token_id
        else:
            model = AutoModelForCausalLM.from_pretrained(tiny)
        made = getattr(trl, f"{trainer}Trainer")(
            model=model, args=config, train_dataset=rows, processing_class=tokenizer
        )
        loss = made.train().training_loss
        assert loss == loss  # not NaN
        assert made.state.global_step == 1
        return rows

    return step


@pytest.fixture
def judged(project, alice, bob, add_pairs):
    update_project(project=project, by=alice, design={"comparison": {"both_good": True}})
    add_pairs(8)
    for number in range(8):
        choice = ["a", "b", "both_bad", "both_good"][number % 4]
        judge_next(project, bob, choice=choice, strength=number % 3 + 1 if choice in "ab" else None)
    return project


# Libraries' own: none of it comes from an export.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.django_db]


def test_preferences_train_a_reward_model_and_dpo(judged, step):
    rows = step("preference", "Reward", max_length=128)
    assert len(rows) == 4
    assert set(rows["margin"]) <= {1.0, 2.0, 3.0}
    step("preference", "DPO", max_length=128)


def test_labelled_answers_train_kto(judged, step):
    rows = step("kto", "KTO", max_length=128)
    assert sorted(set(rows["label"])) == [False, True]


def test_better_answers_are_demonstrations(judged, step):
    step("sft", "SFT", max_length=128)


def test_preferences_of_a_ranking_and_a_correction_train_together(project, alice, bob, add_texts, step):
    add_texts(project, alice)
    make_items(project=project, by=alice, kind="ranking")
    make_items(project=project, by=alice, kind="correction", items_per_prompt=2)
    while held := lease_next(project=project, by=bob):
        is_ranking = held.item.kind == "ranking"
        said = {"ranks": {"a": 1, "b": 2, "c": 3, "d": 4}} if is_ranking else {"text": f"Edit {uuid4()}"}
        submit_judgement(assignment=held, by=bob, client_id=uuid4(), said=said)
    rows = step("preference", "DPO", max_length=128)
    assert len(rows) == 6 + 2
    step("sft", "SFT", max_length=128)


def test_a_parquet_export_is_imported_again_as_it_was(judged, alice, tmp_path):
    from labeling.importing.formats import open_rows, sniff_file
    from labeling.services import create_project
    from labeling.services.imports import import_rows

    path = tmp_path / "export.parquet"
    path.write_bytes(b"".join(iter_export(project=judged, format="parquet")))
    sniffed = sniff_file(path)
    assert (sniffed.format, sniffed.columns.prompt) == ("table", "prompt")
    other = create_project(by=alice, name="Other")
    rows = open_rows(path, sniffed, sniffed.columns, lambda done: None)
    report = import_rows(project=other, by=alice, rows=rows)
    assert (report.created, report.items_made, report.rejected) == (8, 8, [])
    before = set(judged.prompts.values_list("content_hash", "responses__content_hash"))
    assert set(other.prompts.values_list("content_hash", "responses__content_hash")) == before
