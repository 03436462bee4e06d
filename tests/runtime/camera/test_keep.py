from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from cloudedge.camera.keep import Keep
from cloudedge.photo.capture_time import captured_at_from_name

NOON = datetime(2026, 11, 28, 12, 0, 30, tzinfo=timezone(timedelta(hours=1)))
ADDRESS = "http://cam/a.jpg"


@pytest.fixture
def jpeg(encode, draw_sky):
    return encode(draw_sky(), "JPEG")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_picture_is_saved_under_its_time(tmp_path, jpeg):
    path = Keep(str(tmp_path), ADDRESS).save(jpeg, NOON)
    assert path == str(tmp_path / "2026-11-28" / "20261128T120030+0100.jpg")
    assert (tmp_path / "2026-11-28" / "20261128T120030+0100.jpg").read_bytes() == jpeg
    assert captured_at_from_name(path) == NOON.isoformat()


@pytest.mark.parametrize(("kind", "extension"), [("PNG", "png"), ("WEBP", "webp"), ("BMP", "bmp"), ("TIFF", "tiff")])
def test_the_name_ends_as_its_format(tmp_path, encode, draw_sky, kind, extension):
    assert Keep(str(tmp_path), ADDRESS).save(encode(draw_sky(), kind), NOON).endswith(f"0100.{extension}")


def test_nothing_is_overwritten(tmp_path, jpeg):
    day = tmp_path / "2026-11-28"
    day.mkdir()
    (day / "20261128T120030+0100.jpg").write_bytes(b"mine")
    keep = Keep(str(tmp_path), ADDRESS)
    saved = [keep.save(jpeg, NOON) for _ in range(2)]
    assert (day / "20261128T120030+0100.jpg").read_bytes() == b"mine"
    assert saved == [str(day / f"20261128T120030+0100-{number}.jpg") for number in (2, 3)]


def test_only_what_it_wrote_is_deleted_and_only_when_it_is_old(tmp_path, jpeg):
    keep, other = Keep(str(tmp_path), ADDRESS, days=3), Keep(str(tmp_path), "http://other/")
    for day in range(6):
        keep.save(jpeg, NOON + timedelta(days=day))
        other.save(jpeg, NOON + timedelta(days=day, seconds=1))
        (tmp_path / f"2026-11-{28 + day:02}" if day < 3 else tmp_path).joinpath("20261128T000000+0100.jpg").touch()
        (tmp_path / "2020-01-01").mkdir(exist_ok=True)
        (tmp_path / "2020-01-01" / "20200101T120000+0100.jpg").touch()
    left = files(tmp_path)
    days = [(NOON + timedelta(days=day)) for day in range(6)]
    mine = [f"{day:%Y-%m-%d}/{day:%Y%m%dT%H%M%S}+0100.jpg" for day in days]
    assert [name for name in mine if name in left] == mine[2:]  # the last day is the 6th; three whole days before it
    assert len([name for name in left if name.endswith("T120031+0100.jpg")]) == 6
    assert "2020-01-01/20200101T120000+0100.jpg" in left
    assert "2026-11-28/20261128T000000+0100.jpg" in left


def test_a_day_that_is_over_leaves_no_folder(tmp_path, jpeg):
    keep = Keep(str(tmp_path), ADDRESS, days=1)
    keep.save(jpeg, NOON)
    keep.save(jpeg, NOON + timedelta(days=2))
    assert [path.name for path in tmp_path.iterdir()] == ["2026-11-30"]


def test_a_list_that_names_other_places_deletes_nothing_there(tmp_path, jpeg):
    keep = Keep(str(tmp_path), ADDRESS, days=1)
    keep.save(jpeg, NOON)
    (tmp_path / "holiday.jpg").touch()
    (names,) = (tmp_path / "2026-11-28").glob(".cloudedge-*")
    names.write_text(names.read_text() + "../holiday.jpg\n/etc/hostname\n..\n\n")
    keep.save(jpeg, NOON + timedelta(days=2))
    assert (tmp_path / "holiday.jpg").exists()


def test_without_days_nothing_is_deleted(tmp_path, jpeg):
    keep = Keep(str(tmp_path), ADDRESS)
    saved = [keep.save(jpeg, NOON + timedelta(days=400 * number)) for number in range(3)]
    assert keep.latest() == saved[-1]
    assert [path for path in saved if path.removeprefix(f"{tmp_path}/") not in files(tmp_path)] == []


def test_the_latest_is_that_of_the_same_camera(tmp_path, jpeg):
    saved = Keep(str(tmp_path), ADDRESS).save(jpeg, NOON)
    Keep(str(tmp_path), "http://other/").save(jpeg, NOON + timedelta(days=1))
    assert Keep(str(tmp_path), ADDRESS).latest() == saved
    assert Keep(str(tmp_path / "none"), ADDRESS).latest() is None
