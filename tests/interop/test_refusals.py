# SPDX-License-Identifier: Apache-2.0
"""Bad use and bad input: the exit code, a message that helps, and the old destination untouched."""

import json
import os
import pty
import stat
import subprocess

import h5py
import numpy as np
import pytest
import tool
from architectures import REGISTRY

OLD = b"the old file, which must survive"


@pytest.fixture
def source(workshop):
    return workshop.source(REGISTRY["nested_functional"], "tf_keras")


@pytest.fixture
def destination(tmp_path):
    path = tmp_path / "there.weights.h5"
    path.write_bytes(OLD)
    return path


def assert_untouched(destination):
    assert destination.read_bytes() == OLD
    others = [entry.name for entry in destination.parent.iterdir() if entry.name.startswith((".there", "there.")) and
              entry != destination]
    assert not others, f"litter: {others}"


# ---- an existing destination -----------------------------------------------------------------------------------------


def test_existing_is_refused_without_a_terminal(source, destination):
    done = tool.convert(source.whole, destination, expect=tool.REFUSED)
    assert "--overwrite" in done.stderr or "-f" in done.stderr, done
    assert_untouched(destination)


@pytest.mark.parametrize("option", ["-f", "--overwrite"])
def test_existing_is_replaced_on_request(option, source, destination):
    os.chmod(destination, 0o640)
    tool.convert(source.whole, destination, option)
    with h5py.File(destination) as f:
        assert "layers" in f
    assert stat.S_IMODE(destination.stat().st_mode) == 0o640


def test_no_clobber_skips_quietly(source, destination):
    tool.convert(source.whole, destination, "--no-clobber")
    assert_untouched(destination)


def answer(text, *arguments):
    """Runs the tool on a pseudo-terminal and types `text`; returns the exit code and the screen."""
    master, slave = pty.openpty()
    process = subprocess.Popen([tool.binary(), *map(str, arguments)], stdin=slave, stdout=slave, stderr=slave,
                               start_new_session=True)
    os.close(slave)
    os.write(master, text)
    screen = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:
            break
        if not part:
            break
        screen += part
    os.close(master)
    return process.wait(timeout=tool.TIMEOUT), screen.decode("utf-8", "replace")


@pytest.mark.parametrize("typed,code", [(b"n\n", 6), (b"what\nn\n", 6), (b"\x04", 6), (b"y\n", 0), (b"x\ny\n", 0)])
def test_prompt(typed, code, source, destination):
    found, screen = answer(typed, "convert", source.whole, destination)
    assert found == code, screen
    assert "there.weights.h5" in screen
    if code:
        assert_untouched(destination)
    else:
        assert h5py.is_hdf5(destination)


def test_symlink_is_not_followed(source, tmp_path, destination):
    link = tmp_path / "link.weights.h5"
    link.symlink_to(destination)
    done = tool.start("convert", source.whole, link, "-f")
    assert done.code == tool.REFUSED, done
    assert link.is_symlink()
    assert_untouched(destination)


# ---- bad sources: nothing may happen to the destination --------------------------------------------------------------


def check_failure(code, source, destination, *options):
    done = tool.convert(source, destination, "-f", *options, expect=code)
    assert done.stderr.strip(), "an error says something"
    assert "Traceback" not in done.stderr and "terminate called" not in done.stderr
    assert_untouched(destination)
    return done


def test_missing_source(tmp_path, destination):
    done = check_failure(tool.UNREADABLE, tmp_path / "nowhere.h5", destination)
    assert "nowhere.h5" in done.stderr


def test_unknown_content(tmp_path, destination):
    path = tmp_path / "poem.h5"
    path.write_text("not a model at all\n" * 100)
    done = check_failure(tool.UNREADABLE, path, destination)
    assert "poem.h5" in done.stderr


def test_empty_file(tmp_path, destination):
    path = tmp_path / "empty.h5"
    path.touch()
    check_failure(tool.UNREADABLE, path, destination)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["whole", "v3", "weights_only"])
def test_truncated_file(keep, kind, source, tmp_path, destination):
    whole = getattr(source, kind).read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(whole[: int(len(whole) * keep)])
    done = check_failure(tool.DAMAGED, path, destination)
    assert "cut.h5" in done.stderr
    tool.run("inspect", path, expect=tool.DAMAGED)


def test_truncated_safetensors(golden, tmp_path, destination):
    whole = next(golden.glob("safetensors-*-plain.safetensors")).read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(whole[:-5])
    check_failure(tool.DAMAGED, path, destination)


def test_hostile_signature_table(source, tmp_path, destination):
    """A root group whose B-tree address points outside of the file."""
    data = bytearray(source.v3.read_bytes())
    where = data.index(b"TREE")
    data[where: where + 4] = b"EERT"
    path = tmp_path / "bent.weights.h5"
    path.write_bytes(data)
    check_failure(tool.DAMAGED, path, destination)


def test_a_directory_as_source(tmp_path, destination):
    folder = tmp_path / "folder"
    folder.mkdir()
    check_failure(tool.UNREADABLE, folder, destination)


def test_external_link_is_not_followed(source, tmp_path, destination):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as f:
        f["0"] = np.arange(4.0)
    path = tmp_path / "linked.weights.h5"
    with h5py.File(path, "w") as f:
        f.create_group("layers/dense/vars")["0"] = h5py.ExternalLink(str(secret), "/0")
    done = tool.convert(path, destination, "-f", expect=tool.REFUSED)
    assert "secret" not in done.stdout
    assert_untouched(destination)


def test_soft_link_is_not_a_weight(tmp_path, destination):
    path = tmp_path / "soft.weights.h5"
    with h5py.File(path, "w") as f:
        f["elsewhere"] = np.arange(4.0)
        f.create_group("layers/dense/vars")["0"] = h5py.SoftLink("/elsewhere")
    done = tool.start("convert", path, destination, "-f")
    assert done.code in (tool.REFUSED, tool.UNREADABLE), done
    assert_untouched(destination)


def test_string_data_is_not_a_weight(tmp_path, destination):
    path = tmp_path / "words.weights.h5"
    with h5py.File(path, "w") as f:
        f.create_group("layers/dense/vars")["0"] = np.array([b"a", b"b"], dtype=h5py.string_dtype())
    done = tool.start("convert", path, destination, "-f")
    assert done.code in (tool.REFUSED, tool.UNREADABLE), done
    assert_untouched(destination)


def test_destination_that_cannot_be_written(source, tmp_path):
    done = tool.convert(source.whole, tmp_path / "no" / "such" / "folder.weights.h5", expect=tool.OUTPUT)
    assert "folder.weights.h5" in done.stderr or "such" in done.stderr
    assert not (tmp_path / "no").exists()


def test_config_that_is_none(source, tmp_path, destination):
    config = tmp_path / "config.json"
    for text in ("", "{", "[]", '{"class_name": "Dense"}', '{"class_name": "Sequential", "config": 7}', "null"):
        config.write_text(text)
        done = tool.start("convert", source.weights_only, destination, "-f", "--config", config)
        assert done.code in (tool.UNREADABLE, tool.DAMAGED, tool.REFUSED), f"{text!r}\n{done}"
        assert "config.json" in done.stderr
        assert_untouched(destination)


# ---- usage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [
    ["convert"], ["convert", "a.h5"], ["convert", "{source}", "{out}", "--no-such-option"],
    ["convert", "{source}", "{folder}/plain"], ["convert", "{source}", "{folder}/x", "--to", "papyrus"],
    ["convert", "{source}", "{folder}/x.weights.h5", "--to", "safetensors"], ["convert", "{source}", "{folder}/"],
    ["convert", "{source}", "{out}", "-f", "--no-clobber"], ["convert", "{source}", "{out}", "--flavor", "keras9"],
    ["convert", "{source}", "{out}", "-f", "--include", "no/such/*"], ["inspect"], ["convert", "{source}", "{out}", "-f", "--to"]])
def test_usage_errors(arguments, source, tmp_path, destination):
    words = [word.format(source=source.v3, out=destination, folder=tmp_path) for word in arguments]
    done = tool.run(*words, expect=tool.USAGE)
    assert done.stderr.strip()
    assert_untouched(destination)
    assert not (tmp_path / "x").exists() and not (tmp_path / "plain").exists()


def test_a_name_without_format_lists_the_formats(source, tmp_path):
    done = tool.run("convert", source.v3, tmp_path / "plain", expect=tool.USAGE)
    for word in ("weights_h5", "legacy_h5", "safetensors", "--to"):
        assert word in done.stderr


# ---- doing less ------------------------------------------------------------------------------------------------------


def test_dry_run_writes_nothing(source, tmp_path, destination):
    before = sorted(tmp_path.iterdir())
    tool.convert(source.whole, tmp_path / "new.weights.h5", "--dry-run")
    assert sorted(tmp_path.iterdir()) == before
    tool.convert(source.whole, destination, "--dry-run", "-f")
    assert_untouched(destination)


def test_dry_run_still_refuses(source, tmp_path):
    frozen = tmp_path / "out.weights.h5"
    done = tool.start("convert", source.weights_only, frozen, "--dry-run")
    assert done.code == tool.REFUSED, done


def test_report(source, tmp_path):
    report = tool.convert_with_report(source.whole, tmp_path / "out.weights.h5")
    assert report["schema"] == 1
    assert json.dumps(report["source"]).count("nested_functional") == 1
    counts = report["counts"]
    moved = [e for e in report["entries"] if e["kind"] in ("matched", "renamed", "transposed", "cast", "computed")]
    assert counts["matched"] + counts["renamed"] == len(moved) == len(source.values)
    assert counts["missing"] == counts["transposed"] == counts["cast"] == 0
    with h5py.File(tmp_path / "out.weights.h5") as f, h5py.File(source.whole) as old:
        for entry in moved:
            np.testing.assert_array_equal(f[entry["to"]][()], old[entry["from"]][()])


def test_include_and_exclude(source, tmp_path):
    from safetensors import safe_open

    names = [item["name"] for item in tool.inspect(source.v3)["tensors"]]

    def kept(*options):
        out = tmp_path / "out.safetensors"
        tool.convert(source.v3, out, "-f", *options)
        with safe_open(out, "np") as f:
            return set(f.keys())

    assert kept("--include", "**/kernel") == {name for name in names if name.endswith("/kernel")}
    assert kept("--exclude", "**/kernel") == {name for name in names if not name.endswith("/kernel")}
    assert kept(*(word for name in names[:2] for word in ("--include", name))) == set(names[:2])


def test_quiet_says_nothing(source, tmp_path):
    done = tool.convert(source.whole, tmp_path / "out.weights.h5", "-q")
    assert done.stdout == "" and done.stderr == ""


def test_same_bytes_whatever_the_threads(source, tmp_path):
    for name, threads in (("a", "1"), ("b", "4")):
        tool.convert(source.whole, tmp_path / f"{name}.weights.h5", "-j", threads)
        tool.convert(source.whole, tmp_path / f"{name}.safetensors", "-j", threads)
    for suffix in ("weights.h5", "safetensors"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_formats_lists_what_was_built():
    text = tool.run("formats").stdout
    for word in ("weights_h5", "legacy_h5", "safetensors"):
        assert word in text


def test_follow_writes_what_a_link_leads_to(source, tmp_path):
    (tmp_path / "real.weights.h5").write_bytes(OLD)
    link = tmp_path / "link.weights.h5"
    link.symlink_to("real.weights.h5")
    assert "--follow" in tool.run("convert", source.whole, link, "-f", expect=tool.REFUSED).stderr
    tool.convert(source.whole, link, "-f", "--follow")
    assert link.is_symlink() and h5py.is_hdf5(tmp_path / "real.weights.h5")


def test_limits_are_lifted_on_request(tmp_path):
    path = tmp_path / "sparse.h5"
    with h5py.File(path, "w") as f:
        f.create_dataset("zeros", (40_000_000,), "f4", chunks=(1_000_000,), fillvalue=0)
    assert "--trusted" in tool.run("convert", path, tmp_path / "a.safetensors", expect=tool.REFUSED).stderr
    tool.convert(path, tmp_path / "a.safetensors", "--trusted")
    assert (tmp_path / "a.safetensors").stat().st_size > 160_000_000
    (tmp_path / "a.safetensors").unlink()


def test_report_page(source, tmp_path):
    tool.convert(source.whole, tmp_path / "out.weights.h5", "--report", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and page.count("<tr") > 5


def test_report_of_what_was_done_before_a_failure(source, tmp_path):
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 600)
    (tmp_path / "out").mkdir()
    tool.run("convert", source.whole, tmp_path / "broken.h5", f"{tmp_path}/out/", "--to", "weights_h5", "--no-fsync",
             "--report", tmp_path / "r.json", expect=tool.REFUSED)
    assert json.loads((tmp_path / "r.json").read_text())["source"].endswith(source.whole.name)
