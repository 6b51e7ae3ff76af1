"""Files that are replaced as a whole, and what is never replaced."""

import os
from pathlib import Path

import pytest

from episode_monitor.whole_file import check_replaceable, replacing


def test_a_file_is_replaced_at_the_end_and_its_owner_alone_may_read_it(tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.write_bytes(b"old")
    with replacing(place) as file:
        file.write(b"new")
        assert place.read_bytes() == b"old"
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"new", 0o600)
    with pytest.raises(OSError, match="full"), replacing(place) as file:
        raise OSError("full")
    assert (place.read_bytes(), list(tmp_path.iterdir())) == (b"new", [place])


def test_pipes_links_and_folders_are_refused(tmp_path: Path) -> None:
    pipe, link, broken = tmp_path / "pipe", tmp_path / "link", tmp_path / "broken"
    os.mkfifo(pipe)
    link.symlink_to(tmp_path / "state")
    broken.symlink_to(broken)
    (tmp_path / "state").write_bytes(b"")
    for place in (pipe, link, broken, tmp_path):
        with pytest.raises(OSError, match="is there"):
            check_replaceable(place)
    check_replaceable(tmp_path / "state")
    check_replaceable(tmp_path / "nothing")
