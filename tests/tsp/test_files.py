"""Outputs are written atomically, and existing files are replaced only by force."""

import os

import pytest

from tsp.files import atomic_write, require_writable, write_text


def test_a_file_appears_only_when_it_is_complete_and_no_other_file_stays(tmp_path):
    with atomic_write(tmp_path / "a.txt", force=False) as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("half")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "half"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path, interruption):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write_half():
        with atomic_write(target, force=True) as temporary:
            temporary.write_text("new")
            raise interruption

    with pytest.raises(interruption):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_existing_file_is_replaced_only_by_force(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old", force=False)
    with pytest.raises(ValueError, match=r"a\.txt: exists; use --force to overwrite it$"):
        write_text(target, "new", force=False)
    assert target.read_text() == "old"
    write_text(target, "ñew\n", force=True)
    assert target.read_bytes() == "ñew\n".encode()


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "usual").write_text("")
    write_text(tmp_path / "ours", "", force=False)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_symbolic_link_is_kept_and_its_target_is_written(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "folder" / "real.txt")
    write_text(tmp_path / "link.txt", "text", force=False)
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "folder" / "real.txt").read_text() == "text"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere/a.txt", "there is no folder"),
        ("file/a.txt", "there is no folder"),
        ("folder", "it is not a regular file"),
        ("pipe", "it is not a regular file"),
        ("circle", ""),
        ("x" * 300, ""),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_any_work(tmp_path, name, reason, force):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=rf"{name}: cannot be written \({reason}.*\)$"):
        require_writable(tmp_path / name, force=force)
    with pytest.raises(ValueError, match="cannot be written"), atomic_write(tmp_path / name, force=force):
        pytest.fail("nothing to write to")
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_without_permission_to_write_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(ValueError, match=r"cannot be written \(no permission to write in .+\)"):
        write_text(tmp_path / "a.txt", "", force=False)
    assert list(tmp_path.iterdir()) == []
