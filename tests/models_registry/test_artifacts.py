import json
import pickle
import struct
import threading

import pytest

from models_registry.artifacts import share_files, store_artifact, verified_path
from models_registry.errors import ArtifactDamaged, ArtifactRefused
from tests.models_registry.making import write_artifact


def test_the_same_content_has_one_place_however_often_it_is_stored(tmp_path, settings):
    first = store_artifact(write_artifact(tmp_path / "one"))
    second = store_artifact(write_artifact(tmp_path / "two"))
    assert first == second
    assert sorted(p.name for p in settings.MODELS_DIR.iterdir()) == sorted([first.sha256, f"{first.sha256}.json"])
    assert first.size_bytes == sum(p.stat().st_size for p in (tmp_path / "one").iterdir())


def test_another_name_or_another_byte_is_another_artifact(tmp_path):
    first = store_artifact(write_artifact(tmp_path / "one"))
    renamed = write_artifact(tmp_path / "two")
    (renamed / "config.json").rename(renamed / "settings.json")
    changed = write_artifact(tmp_path / "three", seed=1)
    assert len({first.sha256, store_artifact(renamed).sha256, store_artifact(changed).sha256}) == 3


def test_what_is_stored_is_a_read_only_copy(tmp_path):
    source = write_artifact(tmp_path / "one")
    kept = verified_path(store_artifact(source).sha256)
    (source / "config.json").write_text("{}")
    assert json.loads((kept / "config.json").read_text()) == {"model_type": "tiny"}
    assert all(path.stat().st_mode & 0o222 == 0 for path in kept.iterdir())


@pytest.mark.parametrize("name", ["training_args.bin", "model.pt", "optimizer.pth", "x.pkl", "sub/last.ckpt"])
def test_a_pickle_is_refused_by_its_name(tmp_path, settings, name):
    source = write_artifact(tmp_path / "one")
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_bytes(pickle.dumps({}))
    with pytest.raises(ArtifactRefused, match=rf"{name} may be a pickle.*safetensors"):
        store_artifact(source)
    assert not settings.MODELS_DIR.exists() or not list(settings.MODELS_DIR.iterdir())


@pytest.mark.parametrize("name", ["run.sh", "modeling.py", "noextension"])
def test_what_is_not_on_the_list_is_refused(tmp_path, name):
    source = write_artifact(tmp_path / "one")
    (source / name).write_text("x")
    with pytest.raises(ArtifactRefused, match=name):
        store_artifact(source)


def test_a_link_out_of_the_directory_is_refused(tmp_path):
    source = write_artifact(tmp_path / "one")
    (source / "other.json").symlink_to("/etc/hostname")
    with pytest.raises(ArtifactRefused, match="other.json is a link"):
        store_artifact(source)


def test_a_directory_without_weights_is_refused(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "config.json").write_text("{}")
    with pytest.raises(ArtifactRefused, match="no weights"):
        store_artifact(tmp_path / "one")


def _header(tensors: dict) -> bytes:
    raw = json.dumps(tensors).encode()
    return struct.pack("<Q", len(raw)) + raw


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (pickle.dumps({"a": 1}), "header is missing"),
        (b"", "header is missing"),
        (struct.pack("<Q", 10**15) + b"{}", "header is missing"),
        (struct.pack("<Q", 4) + b"\x80abc" + b"rest", "not JSON"),
        (_header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}) + b"1234", "instead of 8"),
        (_header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [4, 8]}}) + b"12345678", "does not follow"),
        (_header({"w": {"dtype": "F32", "shape": [2]}}), "no place"),
    ],
)
def test_what_only_claims_to_be_safetensors_is_refused(tmp_path, content, why):
    source = write_artifact(tmp_path / "one")
    (source / "more.safetensors").write_bytes(content)
    with pytest.raises(ArtifactRefused, match=rf"more.safetensors.*{why}"):
        store_artifact(source)


def test_an_artifact_changed_behind_our_back_is_damaged_and_the_file_is_named(tmp_path):
    sha256 = store_artifact(write_artifact(tmp_path / "one")).sha256
    weights = verified_path(sha256) / "model.safetensors"
    weights.chmod(0o644)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ArtifactDamaged, match=r"model\.safetensors changed"):
        verified_path(sha256)


def test_a_missing_artifact_is_damaged():
    with pytest.raises(ArtifactDamaged, match="backup"):
        verified_path("0" * 64)


def test_storing_the_content_again_repairs_a_damaged_artifact(tmp_path):
    source = write_artifact(tmp_path / "one")
    sha256 = store_artifact(source).sha256
    (verified_path(sha256) / "config.json").unlink()
    assert store_artifact(source).sha256 == sha256
    assert (verified_path(sha256) / "config.json").exists()


def test_ten_at_once_store_one(tmp_path, settings):
    source = write_artifact(tmp_path / "one")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(store_artifact(source).sha256)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 10
    assert len(set(found)) == 1
    assert sorted(p.name for p in settings.MODELS_DIR.iterdir()) == [found[0], f"{found[0]}.json"]


def test_the_directory_it_came_from_shares_the_stored_files_and_cannot_change_them(tmp_path, settings):
    source = write_artifact(tmp_path / "source")
    artifact = store_artifact(source)
    (source / "config.json").write_text('{"another": "length"}')
    share_files(source, artifact.sha256)
    stored = settings.MODELS_DIR / artifact.sha256
    assert (source / "model.safetensors").samefile(stored / "model.safetensors")
    # What had changed meanwhile stays as it is.
    assert not (source / "config.json").samefile(stored / "config.json")
    share_files(source, artifact.sha256)
    (source / "new").write_bytes(b"other weights")
    (source / "new").replace(source / "model.safetensors")
    assert verified_path(artifact.sha256) == stored
    assert not list(source.glob(".*"))
