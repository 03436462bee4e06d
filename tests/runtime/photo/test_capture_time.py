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
from cloudedge.photo.capture_time import captured_at, captured_at_from_name, exif_time, instant, is_before
from cloudedge.photo.name_time import Neighbours

LOCAL, IN_UTC = "2024-06-01T12:30:45", "2024-06-01T12:30:45+00:00"
MINUTE = "2024-06-01T12:30:00"
NOON, NOON_UTC = "2024-05-01T12:30:00", "2024-05-01T12:30:00+00:00"


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


# What devices and programs write. Without a time: counters, copies, and names that do not say which year or day it was.
DEVICES = [
    ("SNAP-1-20240501T123000Z.jpg", NOON_UTC, ""),
    ("AMC/2024-05-01/001/jpg/12/30/00[R][0@0][0].jpg", NOON, "Amcrest"),
    ("2024-05-01/001/jpg/12/30/00[M][0@0][0].jpg", NOON, "Dahua"),
    ("2024-05-01/001/jpg/12.30.00[M][0@0][0].jpg", NOON, "Dahua"),
    ("2024-05-01/pic_001/12/30.00[M][0@0][0].jpg", NOON, "Dahua"),
    ("Entrance-2024-05-01@123000.jpg", NOON, "ACTi"),
    ("Front_Door_2024_05_01@123000.JPG", NOON, "ACTi"),
    ("2024-05-01/Snap_103130_021_1.jpg", "2024-05-01T10:31:30", "ACTi"),
    ("image24-05-01_12-30-00-12.jpg", NOON, "Axis"),
    ("image20-12-05_12-30-00-12.jpg", "2020-12-05T12:30:00", "Axis"),
    ("Cam1.20240501_123000.jpg", NOON, "Blue Iris"),
    ("Cam1.20240501_123000123.3.jpg", NOON, "Blue Iris"),
    ("DJI_20240501123000_0001_D.JPG", NOON, "DJI"),
    ("Schedule_20240501-123000.jpg", NOON, "Foscam"),
    ("00626E4A5C3D(cam)_1_20240501123000_1234.jpg", NOON, "Foscam"),
    ("front-1717245045.123456-k3jd9a.jpg", IN_UTC, "Frigate"),
    ("front_door-1717245045.123456-k3jd9a-clean.png", IN_UTC, "Frigate"),
    ("thumbs/front/1717245045.123456-123456.webp", IN_UTC, "Frigate"),
    ("192.168.1.64_01_20240501123000123_TIMING.jpg", NOON, "Hikvision"),
    ("20240501T123000+0200.jpg", f"{NOON}+02:00", "ISO 8601"),
    ("20240501T123000-0400.jpg", f"{NOON}-04:00", "ISO 8601"),
    ("2024-05-01T12:30:00-0330.jpg", f"{NOON}-03:30", "ISO 8601"),
    ("20240501_123000-0400.jpg", NOON, "a number"),
    ("20240501T123000-1530.jpg", NOON, "a number"),
    ("01-20240501123000-00.jpg", NOON, "motion"),
    ("01-20240501123000-snapshot.jpg", NOON, "motion"),
    ("IMG_0930 (conflicted copy 2024-06-12 101500).jpg", None, "Nextcloud's copy"),
    ("20240501_123000 (Ann's conflicted copy 2024-06-12 101500).jpg", NOON, "Dropbox's copy"),
    ("IMG_0930.sync-conflict-20240612-101500-ABCDEFG.jpg", None, "Syncthing's copy"),
    ("IMG_0930_conflict-20240612-101500.jpg", None, "ownCloud's copy"),
    (".stversions/IMG_0930~20240612-101500.jpg", None, "Syncthing's version"),
    ("PXL_20240501_123000123.jpg", NOON_UTC, "Pixel"),
    ("PXL_20240501_123000123.MP.jpg", NOON_UTC, "Pixel"),
    ("PXL_20240501_123000123.NIGHT.jpg", NOON_UTC, "Pixel"),
    ("PXL_20240501_123000123~2.jpg", NOON_UTC, "Pixel"),
    ("Camera1_00_20240501123000.jpg", NOON, "Reolink"),
    ("2024/05/01/Cam_00_20240501123000.jpg", NOON, "Reolink"),
    ("20240501_123000(0).jpg", NOON, "Samsung"),
    ("Cam-20240501-123000-1714566600.jpg", NOON, "Surveillance Station"),
    ("Cam-20240501-12300012.jpg", NOON, "Surveillance Station, hundredths"),
    ("2024050112300012.jpg", None, "sixteen digits"),
    ("photo_2024-05-01_12-30-00.jpg", NOON, "Telegram"),
    ("photo_5222@01-05-2024_12-30-00.jpg", None, "Telegram's export"),
    ("UVC G3 - 2024-05-01 - 12.30.00.jpg", NOON, "UniFi"),
    ("mmexport1717245045123.jpg", IN_UTC, "WeChat"),
    ("WhatsApp Image 2024-05-01 at 12.30.00_19ca2e1d.jpg", NOON, "WhatsApp"),
    ("alarm/20240501/20240501_12_30_00.jpg", NOON, "Wyze"),
    ("events/1/2024-05-01/123456/00012-capture.jpg", None, "ZoneMinder, medium"),
    ("events/1/2024-05-01/12/00012-capture.jpg", None, "ZoneMinder, medium"),
    ("events/1/2024-05-01/12/000123-capture.jpg", None, "ZoneMinder, medium"),
    ("events/1/24/05/01/12/30/00/00012-capture.jpg", NOON, "ZoneMinder, deep"),
    ("events/1/24/05/01/12/30/00/00012.jpg", None, "not ZoneMinder's"),
    ("2024_05_01/12_30_00.jpg", NOON, ""),
    ("image-20240501123000.jpg", NOON, "allsky"),
    ("20240501/thumbnails/image-20240501123000.jpg", NOON, "allsky"),
    ("20240501/keogram/keogram-20240501.jpg", None, "allsky"),
    ("20240501/night/01_12/ccd1_20240501_123000.jpg", NOON, "indi-allsky"),
    ("ccd_abc/exposures/20240501/day/01_12/raw_ccd1_20240501_123000.png", NOON, "indi-allsky"),
    ("2024.05.01_12.30.00.jpg", NOON, ""),
    ("webcam_2024_05_01_12_30_00.jpg", NOON, "ffmpeg"),
    ("2024/05/01/12/30-00.jpg", NOON, ""),
    ("fswebcam 2024-05-01_1230.jpg", NOON, "fswebcam"),
    ("2024-05-01_12-30-00_UTC.jpg", NOON_UTC, "instaloader"),
    ("2024-05-01_12-30-00_UTC_1.jpg", NOON_UTC, "instaloader"),
    ("2024-05-01 12-30-00 UTC+2.jpg", NOON, "an offset that is not read"),
    ("Screenshot 2024-05-01 at 12.30.00 PM.png", NOON, "macOS"),
    ("capture_2024-05-01T12:30:00.123456.jpg", NOON, "Python"),
    ("capture_20240501T123000.123456.jpg", NOON, "Python"),
    ("2024-05-01/12-30-00_1920x1080.jpg", NOON, ""),
    ("240501_123000.jpg", NOON, "a year of two digits"),
    ("x240501_123000.jpg", None, "part of a name"),
    ("2024/May/01/123000.jpg", None, ""),
    ("webcam 01.05.2024 12-30-00.jpg", None, ""),
    ("0123456789.jpg", None, ""),
    ("1234567890.jpg", None, "an order number"),
    ("1101123000.jpg", None, "rpicam --datetime"),
    ("1224183000.png", None, "rpicam --datetime"),
    ("1130235959.png", None, "rpicam --datetime"),
    ("0501123000.jpg", None, "rpicam --datetime"),
    ("image_1205231531.png", None, "rpicam --datetime"),
    ("car-1223033452.jpg", None, "rpicam-detect --datetime"),
    ("19700101_000012.jpg", None, "a clock that was reset"),
    ("2000-01-01/00-00-12.jpg", None, "a clock that was reset"),
    ("2024-05-01/frame_000123.jpg", None, "a counter"),
    ("2024-05-01/snapshot_000010.jpg", None, "a counter"),
    ("2024-05-01/DSC_001234.JPG", None, "a counter"),
    ("2024-05-01/000123.jpg", None, "a counter, or just after midnight"),
    ("2024-05-01/cam_10-15.jpg", None, "a counter, or hours and minutes"),
    ("2024-05-01/IMG_12-34.jpg", None, "a counter, or hours and minutes"),
    ("2024-05-01/cam_10-15am.jpg", "2024-05-01T10:15:00", ""),
    ("2024-05-01/cam_10h15.jpg", "2024-05-01T10:15:00", ""),
]


@pytest.mark.parametrize(("name", "time", "who"), DEVICES)
def test_the_names_of_devices_carry_their_time_or_none(name: str, time: str | None, who: str) -> None:
    assert captured_at_from_name(name) == time, who


@pytest.mark.parametrize(
    ("names", "clocks"),
    [
        (["frame_000001", "frame_000060", "frame_001530", "frame_101530"], []),
        (["frame_000001", "frame_000002", "frame_000059"], []),
        (["frame_000123", "103000"], ["103000"]),
        (["000000", "000500", "001000", "010000"], ["00:00:00", "00:05:00", "00:10:00", "01:00:00"]),
        (["Snap_001030_021_1", "Snap_103130_022_1"], ["00:10:30", "10:31:30"]),
        (["cam1_000100", "cam1_120000", "cam2_000099"], ["00:01:00", "12:00:00"]),
        (["0930", "0931"], []),
        (["0930", "0945", "0950", "0955"], []),
        (["0930", "0945", "0960", "1000", "1015"], []),
        (["0930", "1000", "1030", "1100"], ["09:30:00", "10:00:00", "10:30:00", "11:00:00"]),
        (["IMG_0930", "IMG_1000", "IMG_1030", "IMG_1100"], []),
        (["cam_09-30", "cam_10-00"], []),
        (["cam_09-30", "cam_10-00", "cam_10-30", "cam_11-00"], ["09:30:00", "10:00:00", "10:30:00", "11:00:00"]),
    ],
)
def test_neighbours_tell_times_from_counters(tmp_path: Path, names: list[str], clocks: list[str]) -> None:
    folder = tmp_path / "2024-05-01"
    folder.mkdir()
    for name in names:
        (folder / f"{name}.jpg").touch()
    neighbours = Neighbours()
    times = [captured_at_from_name(str(folder / f"{name}.jpg"), neighbours) for name in names]
    times_of_day = [clock if ":" in clock else f"{clock[:2]}:{clock[2:4]}:{clock[4:]}" for clock in clocks]
    assert list(filter(None, times)) == [f"2024-05-01T{clock}" for clock in times_of_day]


def test_a_folder_is_listed_once_and_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "20240501"
    folder.mkdir()
    listed: list[str] = []
    listdir = os.listdir
    monkeypatch.setattr("os.listdir", lambda path: listed.append(path) or listdir(path))
    neighbours = Neighbours()
    for name in ("000500.jpg", "001000.jpg"):
        (folder / name).touch()
    os.utime(folder, (1, 1))
    assert {captured_at_from_name(str(path), neighbours) for path in folder.iterdir()} == {None}
    assert captured_at_from_name(str(folder / "12-30-00.jpg"), neighbours) == NOON
    (folder / "010000.jpg").touch()
    os.utime(folder, (2, 2))
    assert captured_at_from_name(str(folder / "000500.jpg"), neighbours) == "2024-05-01T00:05:00"
    assert captured_at_from_name(str(folder / "001000.jpg"), neighbours) == "2024-05-01T00:10:00"
    assert listed.count(str(folder)) == 2


def test_a_folder_that_does_not_exist_bears_nothing_out() -> None:
    for name, time in (("000123.jpg", None), ("123000.jpg", NOON), ("1230.jpg", None), ("a\0/123000.jpg", NOON)):
        assert captured_at_from_name(f"no-such/2024-05-01/{name}", Neighbours()) == time


@given(
    moment=st.datetimes(datetime(2010, 1, 1), datetime(2033, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    form=st.sampled_from(["%Y/%m/%d/%H-%M-%S", "%Y-%m-%d/cam/%H_%M_%S", "%Y%m%d/%H%M%S", "%Y-%m-%dT%H:%M:%S"]),
)
def test_every_moment_is_read_back(moment: datetime, form: str) -> None:
    is_doubtful = moment.hour == 0 and form.endswith("/%H%M%S")  # only its neighbours tell it from a counter
    assert captured_at_from_name(moment.strftime(f"{form}.jpg")) == (None if is_doubtful else moment.isoformat())
    utc = moment.replace(tzinfo=UTC)
    assert captured_at_from_name(f"cam_{utc.timestamp():.0f}.jpg") == utc.isoformat()


@given(st.datetimes(datetime(2001, 9, 9), datetime(2009, 12, 30)), st.integers(10, 12))
def test_ten_digits_with_a_month_in_front_are_no_seconds(moment: datetime, month: int) -> None:
    assert captured_at_from_name(moment.strftime(f"{month}%d%H%M%S.jpg")) is None


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


TAGS = ExifTags.Base
ORIGINAL, DIGITIZED, CHANGED = TAGS.DateTimeOriginal, TAGS.DateTimeDigitized, TAGS.DateTime


@pytest.mark.parametrize(
    ("tags", "time"),
    [
        ({}, None),
        ({DIGITIZED: "2024:05:01 12:30:00"}, NOON),
        ({DIGITIZED: "2024:05:01 12:30:00", TAGS.OffsetTimeDigitized: "+02:00"}, f"{NOON}+02:00"),
        ({CHANGED: "2024:05:01 12:30:00"}, NOON),
        ({CHANGED: "2024:05:01 12:30:00", TAGS.OffsetTime: "Z"}, NOON_UTC),
        ({CHANGED: "2024:05:01 12:30:00", TAGS.Software: "an editor"}, None),
        ({CHANGED: "2024:05:01 12:30:00", TAGS.Software: "1.0", TAGS.Make: "a camera"}, NOON),
        ({ORIGINAL: "2024:05:01 12:30:00", DIGITIZED: "2025:05:01 12:30:00", CHANGED: "2026:05:01 12:30:00"}, NOON),
        ({ORIGINAL: "0000:00:00 00:00:00", DIGITIZED: "2024:05:01 12:30:00"}, NOON),
        ({ORIGINAL: "    :  :     :  :  ", CHANGED: "2024:05:01 12:30:00"}, NOON),
        ({ORIGINAL: "2000:01:01 00:00:12", CHANGED: "2024:05:01 12:30:00"}, NOON),
        ({ORIGINAL: "2024:05:01 12:30:00", TAGS.OffsetTime: "+02:00"}, NOON),
        ({ORIGINAL: "2024:05:01 12:30:00", TAGS.OffsetTimeOriginal: "  :  "}, NOON),
        ({ORIGINAL: "2024:05:01 12:30:00", TAGS.OffsetTimeOriginal: "+99:00"}, NOON),
        ({ORIGINAL: "2024:05:01 12:30:00.123"}, NOON),
        ({ORIGINAL: "2024:05:01 12:30:00.123", TAGS.OffsetTimeOriginal: "-04:00"}, f"{NOON}-04:00"),
        ({ORIGINAL: "2024-05-01 12:30:00"}, NOON),
        ({ORIGINAL: "2024:05:01T12:30:00"}, NOON),
        ({ORIGINAL: "2024-05-01T12:30:00+02:00"}, f"{NOON}+02:00"),
        ({ORIGINAL: "2024: 5: 1 12:30: 0"}, NOON),
        ({ORIGINAL: "2024:05:01 12:30:00\0"}, NOON),
        ({ORIGINAL: "1970:01:01 00:00:00"}, None),
        ({ORIGINAL: "1970:01:03 10:11:12"}, None),
        ({ORIGINAL: "1980:01:01 00:00:00"}, None),
        ({ORIGINAL: "2000:01:01 23:59:59"}, None),
        ({ORIGINAL: "2000:01:02 00:00:00"}, "2000-01-02T00:00:00"),
        ({ORIGINAL: "1981:07:01 12:00:00"}, "1981-07-01T12:00:00"),
        ({ORIGINAL: "2024:13:01 12:30:00"}, None),
        ({ORIGINAL: "yesterday"}, None),
        ({ORIGINAL: 20240501}, None),
    ],
)
def test_what_cameras_write_into_exif(tags: dict[int, object], time: str | None) -> None:
    assert exif_time({int(tag): value for tag, value in tags.items()}) == time


@pytest.mark.parametrize(
    ("name", "original", "changed", "time"),
    [
        ("20240501_123000.jpg", "2000:01:01 00:00:12", None, NOON),
        ("20240501_123000.jpg", "1970:01:01 00:00:00", None, NOON),
        ("sky.jpg", "2000:01:01 00:00:12", "2024:05:01 12:30:00", NOON),
        ("sky.jpg", None, "2024:05:01 12:30:00", NOON),
        ("sky.jpg", "0000:00:00 00:00:00", None, None),
    ],
)
def test_a_reset_clock_yields_to_the_name(
    tmp_path: Path, sky: np.ndarray, tiny: Path, name: str, original: str | None, changed: str | None, time: str | None
) -> None:
    exif = Image.Exif()
    if original:
        exif[ExifTags.IFD.Exif] = {int(ORIGINAL): original}
    if changed:
        exif[CHANGED] = changed
    Image.fromarray(sky).save(tmp_path / name, exif=exif.tobytes())
    assert captured_at(str(tmp_path / name)) == time
    row = CloudClassifier(tiny, threads=1).classify(tmp_path / name)
    assert row.captured_at == time or getattr(row, "time_source", None) == "file"


def test_rows_have_the_times_that_neighbours_bear_out(tmp_path: Path, sky: np.ndarray, tiny: Path) -> None:
    folder = tmp_path / "20240501"
    folder.mkdir()
    for name in ("000500.jpg", "010000.jpg"):
        Image.fromarray(sky).save(folder / name)
    path = folder / "000500.jpg"
    assert CloudClassifier(tiny, threads=1).classify(path).captured_at == "2024-05-01T00:05:00"
    assert captured_at(str(path), Neighbours()) == "2024-05-01T00:05:00"


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
