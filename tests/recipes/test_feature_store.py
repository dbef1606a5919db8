"""Features on disk, by content."""

import numpy as np

from training.recipes.feature_store import SHARD_ANSWERS, FeatureStore


def features_of(count, *, first=0):
    return {f"key{n}": np.array([n, -n], dtype=np.float32) for n in range(first, first + count)}


def test_what_was_added_is_taken_by_whoever_opens_the_directory_next(tmp_path):
    added = features_of(2 * SHARD_ANSWERS + 3)
    FeatureStore(tmp_path).add(added, dict.fromkeys(added, 2))
    store = FeatureStore(tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    found = store.take(["key258", "nobody", "key0"])
    assert {key: value.tolist() for key, value in found.items()} == {"key258": [258.0, -258.0], "key0": [0.0, 0.0]}
    assert ("key258" in store, "nobody" in store) == (True, False)
    assert (store.note("key0"), store.note("nobody")) == (2, None)


def test_two_that_share_a_directory_do_not_write_over_each_other(tmp_path):
    one, other = FeatureStore(tmp_path), FeatureStore(tmp_path)
    one.add(features_of(2), dict.fromkeys(features_of(2), 0))
    other.add(features_of(2, first=1), dict.fromkeys(features_of(2, first=1), 1))
    assert set(FeatureStore(tmp_path).take(["key0", "key1", "key2"])) == {"key0", "key1", "key2"}


def test_what_was_cut_off_while_it_was_written_is_not_there(tmp_path):
    (tmp_path / "abc.1.partial").write_bytes(b"half")
    assert FeatureStore(tmp_path).take(["key0"]) == {}
