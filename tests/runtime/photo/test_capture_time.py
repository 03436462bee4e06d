"""When a photo was taken: the names that webcams write, and those that only look like a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from cloudedge.classifier import CloudClassifier
from cloudedge.photo.capture_time import captured_at, captured_at_from_name, instant, is_before

LOCAL, IN_UTC = "2024-06-01T12:30:45", "2024-06-01T12:30:45+00:00"
MINUTE = "2024-06-01T12:30:00"


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("2024-06-01T12:30:45.jpg", LOCAL),
        ("2024-06-01T12:30:45Z.jpg", IN_UTC),
        ("2024-06-01T12:30:45.678Z.jpg", IN_UTC),
        ("2024-06-01T12:30:45+02:00.jpg", f"{LOCAL}+02:00"),
        ("2024-06-01T12:30:45-05:00.jpg", f"{LOCAL}-05:00"),
        ("2024-06-01T12-30-45+0200.jpg", f"{LOCAL}+02:00"),
        ("20240601T123045Z.jpg", IN_UTC),
        ("cam-20240601T1230.jpg", MINUTE),
        ("20240601_123045.jpg", LOCAL),
        ("20240601-123045-03.jpg", LOCAL),
        ("cam_20240601_123045.jpg", LOCAL),
        ("image-20240601123045.jpg", LOCAL),
        ("IMG20240601123045.jpg", LOCAL),
        ("RLC_00_20240601123045.jpg", LOCAL),
        ("MDAlarm_20240601-123045.jpg", LOCAL),
        ("IMG_20240601_123045678.jpg", LOCAL),
        ("192.168.1.64_01_20240601123045678_MOTION_DETECTION.jpg", LOCAL),
        ("2024_06_01_12_30_45.jpg", LOCAL),
        ("2024.06.01 12.30.45.jpg", LOCAL),
        ("Screenshot_2024-06-01-12-30-45.png", LOCAL),
        ("WhatsApp Image 2024-06-01 at 12.30.45.jpeg", LOCAL),
        ("WhatsApp Image 2024-06-01 at 12.30.45 PM.jpeg", LOCAL),
        ("WhatsApp Image 2024-06-01 at 00.30.45.jpeg", "2024-06-01T00:30:45"),
        ("Screenshot 2024-06-01 at 12.30.45\u202fAM.png", "2024-06-01T00:30:45"),
        ("Screenshot 2024-06-01 at 11.30.45\u202fPM.png", "2024-06-01T23:30:45"),
        ("Screenshot 2024-06-01 at 1.30.45\u202fPM.png", "2024-06-01T13:30:45"),
        ("WhatsApp Image 2024-06-01 at 9.30.45 AM.jpeg", "2024-06-01T09:30:45"),
        ("Bildschirmfoto 2024-06-01 um 12.30.45.png", LOCAL),
        ("Schermata 2024-06-01 à 12.30.45.png", LOCAL),
        ("2024-06-01_10-30am.jpg", "2024-06-01T10:30:00"),
        ("2024-06-01_01-30pm.jpg", "2024-06-01T13:30:00"),
        ("2024-06-01/01-30-45 PM.jpg", "2024-06-01T13:30:45"),
        ("20240601_123045_Pro.jpg", LOCAL),
        ("20240601_123045p.jpg", LOCAL),
        ("2024-06-01_12h30m45s.jpg", LOCAL),
        ("2024-06-01_12h30.jpg", MINUTE),
        ("2024-06-01_12-30.jpg", MINUTE),
        ("2024-06-01_1230.jpg", MINUTE),
        ("202406011230.jpg", MINUTE),
        ("1717245045.jpg", IN_UTC),
        ("cam-1717245045.jpg", IN_UTC),
        ("cam2_1717245045123.jpg", IN_UTC),
        ("image_1717245045.5.jpg", IN_UTC),
        ("2024/06/01/12-30-45.jpg", LOCAL),
        ("/srv/cam/2024/06/01/cam1/12_30_45.jpg", LOCAL),
        ("2024/06/01/123045.jpg", LOCAL),
        ("2024/06/01/12/30/45.jpg", LOCAL),
        ("2024/06/01/12/30-45.jpg", LOCAL),
        ("2024/06/01/12/30.jpg", MINUTE),
        ("2024/06/01/12h30.jpg", MINUTE),
        ("foto/2024/06/01/1230_hd.jpg", MINUTE),
        ("2024-06-01/12-30-45.jpg", LOCAL),
        ("2024-06-01/001/jpg/12/30/45[M][0@0][0].jpg", LOCAL),
        ("cam1_2024-06-01/12.30.45.jpg", LOCAL),
        ("20240601/image-123045.jpg", LOCAL),
        ("20240601/images/12-30.jpg", MINUTE),
        ("2024/06-01/12-30-45.jpg", LOCAL),
        ("2024-06/01/12-30-45.jpg", LOCAL),
        ("2024/0601/12-30-45.jpg", LOCAL),
        ("2023-01-01/2024-06-01/12-30-45.jpg", LOCAL),
        ("2023-01-01/20240601_123045.jpg", LOCAL),
        ("20241301_000000_20240601_123045.jpg", LOCAL),
    ],
)
def test_the_names_that_webcams_write_are_read(name: str, time: str) -> None:
    assert captured_at_from_name(name) == time


@pytest.mark.parametrize(
    "name",
    [
        "cloud.jpg",
        "2024-06-01.jpg",
        "20240601.jpg",
        "IMG-20240601-WA0001.jpg",
        "20240631_123045.jpg",
        "20240601_250000.jpg",
        "20240601_126000.jpg",
        "20240601_1230451.jpg",
        "120240601_123045.jpg",
        "2024-06.01_12-30-45.jpg",
        "01-06-2024_12-30-45.jpg",
        "image24-06-01_12-30-45.jpg",
        "1920x1080_123045.jpg",
        "sky_20240601_1920x1080.jpg",
        "2024-06-01_1440p.jpg",
        "IMG_1234567890123456.jpg",
        "0717245045.jpg",
        "2024060112.jpg",
        "4917245045.jpg",
        "a1717245045.jpg",
        "1717245045a.jpg",
        "1717245045_ab12_o.jpg",
        "12345678_1717245045.jpg",
        "12-30-45.jpg",
        "12/30/45.jpg",
        "2024/06/cloud.jpg",
        "2024/06/01/cloud.jpg",
        "2024/06/01/0930.jpg",
        "2024/06/01/IMG_0930.jpg",
        "2024/06/01/DSC01230.jpg",
        "2024/06/01/123045678.jpg",
        "2024/13/01/12-30-45.jpg",
        "2024-06-31/12-30-45.jpg",
        "2024-06-01/25-30-45.jpg",
        "12024-06-01/12-30-45.jpg",
        "20240601_123045/cloud.jpg",
        "٢٠٢٤٠٦٠١_123045.jpg",
        "2024-06-01/",
        "",
    ],
)
def test_no_time_is_made_up(name: str) -> None:
    assert captured_at_from_name(name) is None


@given(
    moment=st.datetimes(datetime(2005, 1, 1), datetime(2033, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    form=st.sampled_from(["%Y/%m/%d/%H-%M-%S", "%Y-%m-%d/cam/%H_%M_%S", "%Y%m%d/%H%M%S", "%Y-%m-%dT%H:%M:%S"]),
)
def test_every_moment_is_read_back(moment: datetime, form: str) -> None:
    assert captured_at_from_name(moment.strftime(f"{form}.jpg")) == moment.isoformat()
    utc = moment.replace(tzinfo=UTC)
    assert captured_at_from_name(f"cam_{utc.timestamp():.0f}.jpg") == utc.isoformat()


@given(st.text("0123456789-_/. hTZ+aPMx", max_size=40))
def test_any_name_is_taken(name: str) -> None:
    time = captured_at_from_name(name)
    assert time is None or datetime.fromisoformat(time)


def exif_photo(path: Path, pixels: np.ndarray, stamp: str, offset: str | None) -> None:
    tags = {int(ExifTags.Base.DateTimeOriginal): stamp}
    if offset:
        tags[int(ExifTags.Base.OffsetTimeOriginal)] = offset
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = tags
    Image.fromarray(pixels).save(path, exif=exif.tobytes())


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize(
    ("stamp", "offset", "time"),
    [
        ("2024:05:01 08:00:00", None, "2024-05-01T08:00:00"),
        ("2024:05:01 08:00:00", "+02:00", "2024-05-01T08:00:00+02:00"),
        ("0000:00:00 00:00:00", None, LOCAL),
    ],
)
def test_exif_comes_first_and_says_what_the_row_will_say(
    tmp_path: Path, sky: np.ndarray, tiny: Path, extension: str, stamp: str, offset: str | None, time: str
) -> None:
    path = tmp_path / f"20240601_123045.{extension}"
    exif_photo(path, sky, stamp, offset)
    assert captured_at(str(path)) == CloudClassifier(tiny, threads=1).classify(path).captured_at == time


def test_an_unreadable_file_is_judged_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "20240601_123045.jpg").write_bytes(b"no photo")
    assert captured_at(str(tmp_path / "20240601_123045.jpg")) == LOCAL
    assert captured_at(str(tmp_path / "no-such.jpg")) is None


def test_no_pixel_is_decoded(tmp_path: Path, sky: np.ndarray, encode: Callable[..., bytes]) -> None:
    exif_photo(tmp_path / "a.jpg", sky, "2024:05:01 08:00:00", None)
    cut = (tmp_path / "a.jpg").read_bytes()[:-300]
    (tmp_path / "a.jpg").write_bytes(cut)
    assert captured_at(str(tmp_path / "a.jpg")) == "2024-05-01T08:00:00"


def test_times_with_offsets_are_instants_and_others_are_what_the_clock_showed() -> None:
    early, late = datetime.fromisoformat(f"{LOCAL}+02:00"), datetime.fromisoformat(f"{LOCAL}+00:00")
    local = datetime.fromisoformat(LOCAL)
    assert is_before(early, late)
    assert not is_before(late, early)
    assert not is_before(early, local)
    assert not is_before(local, early)
    assert instant(f"{LOCAL}+02:00") == instant(IN_UTC) - 7200
    assert instant(LOCAL) == datetime.fromisoformat(LOCAL).timestamp()  # as the times of files are


@pytest.mark.skipif(os.sep != "\\", reason="folders are told by the separator of the system")
def test_folders_of_windows_count() -> None:
    assert captured_at_from_name("2024\\06\\01\\12-30-45.jpg") == LOCAL
