"""Draw a month of captures as devices lay them out, with their EXIF data, their thumbnails and their leftovers."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import ExifTags, Image

DAYS = [datetime(2024, 11, day) for day in range(1, 31)]  # 1101123000 has the length of a number of seconds since 1970
PHOTO_HOURS = (8, 12, 16)


@dataclass(frozen=True)
class Archive:
    """What `classify` is to find: the captures with the times that their rows have."""

    captures: dict[str, str | None]  # by the path within the archive; None: neither the name nor EXIF carries a time
    passed_over: int = 0
    skipped: int = 0
    exclude: tuple[str, ...] = ()


class Disk:
    """A folder to draw files into; it notes the captures."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.captures: dict[str, str | None] = {}

    def capture(self, name: str, time: str | None, exif: Image.Exif | None = None) -> None:
        self.captures[name] = time
        self.picture(name, exif)

    def picture(self, name: str, exif: Image.Exif | None = None) -> None:
        kinds = {".png": "PNG", ".webp": "WEBP"}
        buffer = io.BytesIO()
        colour = (60, 110, 150 + len(self.captures) % 100)
        image = Image.new("RGB", (48, 32), colour)
        image.paste((240, 240, 240), (len(self.captures) % 30, 8, 40, 20))
        image.save(buffer, kinds.get(Path(name).suffix, "JPEG"), exif=exif or Image.Exif())
        self.file(name, buffer.getvalue())

    def file(self, name: str, data: bytes = b"not a picture") -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def taken(time: datetime, offset: str | None = None) -> Image.Exif:
    """Return the EXIF data that a camera writes."""
    base, exif = ExifTags.Base, Image.Exif()
    tags: dict[int, str] = {int(base.DateTimeOriginal): f"{time:%Y:%m:%d %H:%M:%S}"}
    if offset:
        tags[int(base.OffsetTimeOriginal)] = offset
    exif[ExifTags.IFD.Exif] = tags
    return exif


def moments() -> Iterator[datetime]:
    for day in DAYS:
        for hour in PHOTO_HOURS:
            yield day + timedelta(hours=hour, minutes=30)


def synology(root: Path) -> Archive:
    """Surveillance Station's snapshots on a Synology, indexed: four or five thumbnails for each photo."""
    disk = Disk(root)
    for time in moments():
        folder, name = f"Cam/{time:%Y%m%d}", f"Cam-{time:%Y%m%d-%H%M%S}-{time.replace(tzinfo=UTC).timestamp():.0f}.jpg"
        disk.capture(f"{folder}/{name}", time.isoformat())
        for size in ("SM", "M", "B", "XL"):
            disk.picture(f"{folder}/@eaDir/{name}/SYNOPHOTO_THUMB_{size}.jpg")
        disk.file(f"{folder}/@eaDir/{name}/SYNOINDEX_MEDIA_INFO")
    disk.picture("#recycle/Cam/Cam-20241001-120000-1727784000.jpg")
    disk.picture("@eaDir/Cam/SYNOPHOTO_THUMB_M.jpg")
    return Archive(disk.captures, passed_over=len(DAYS) + 2)


def all_sky(root: Path) -> Archive:
    """Allsky's folders of nights."""
    disk = Disk(root)
    for time in moments():
        day, name = f"images/{time:%Y%m%d}", f"image-{time:%Y%m%d%H%M%S}.jpg"
        disk.capture(f"{day}/{name}", time.isoformat())
        disk.picture(f"{day}/thumbnails/{name}")
    for time in DAYS:
        day = f"images/{time:%Y%m%d}"
        disk.picture(f"{day}/keogram/keogram-{time:%Y%m%d}.jpg")
        disk.picture(f"{day}/startrails/startrails-{time:%Y%m%d}.jpg")
        disk.picture(f"{day}/thumbnail-{time:%Y%m%d}.jpg")
        disk.file(f"{day}/allsky-{time:%Y%m%d}.mp4")
    return Archive(disk.captures, 4 * len(DAYS), len(DAYS), ("keogram", "startrails"))


def motion(root: Path) -> Archive:
    """motion's snapshots and its pictures of events, in one folder with the films."""
    disk = Disk(root)
    for event, time in enumerate(moments(), 1):
        disk.capture(f"{event:02}-{time:%Y%m%d%H%M%S}-snapshot.jpg", time.isoformat(), taken(time))
        disk.capture(f"{event:02}-{time:%Y%m%d%H%M%S}-00.jpg", time.isoformat(), taken(time))
        disk.file(f"{event:02}-{time:%Y%m%d%H%M%S}.mp4")
    disk.picture("lastsnap.jpg")  # a link to the latest snapshot
    if sys.platform != "win32":
        (root / "lastsnap.jpg").unlink()
        (root / "lastsnap.jpg").symlink_to(list(disk.captures)[-2])
    return Archive(disk.captures, 1, len(disk.captures) // 2, ("lastsnap.jpg",))


def frigate(root: Path) -> Archive:
    """Frigate's clips: seconds since 1970 with a fraction, then an id."""
    disk = Disk(root)
    for number, local in enumerate(moments()):
        time = local.replace(tzinfo=UTC)
        name = f"{time.timestamp():.0f}.{number:06}-k3jd{number:02}"
        disk.capture(f"clips/front_door-{name}.jpg", time.isoformat())
        disk.picture(f"clips/front_door-{name}-clean.png")
        disk.picture(f"clips/thumbs/front_door/{name}.webp")
        disk.picture(f"clips/review/thumb-front_door-{name}.webp")
        disk.file(f"clips/previews/front_door/{name}.mp4")
    return Archive(disk.captures, len(disk.captures) + 2, len(disk.captures), ("*-clean.*", "review"))


def rpicam(root: Path) -> Archive:
    """rpicam-still by cron: --datetime (no year), --timestamp, a counter, and a script that names the clock."""
    disk = Disk(root)
    for number, time in enumerate(moments()):
        utc = time.replace(tzinfo=UTC)
        disk.capture(f"datetime/{time:%m%d%H%M%S}.jpg", time.isoformat(), taken(time))
        disk.capture(f"datetime/{time:%m%d%H%M%S}.png", None)
        disk.capture(f"timestamp/{utc.timestamp():.0f}.jpg", utc.isoformat())
        disk.capture(f"timelapse/{time:%Y-%m-%d}/frame_{number:06}.jpg", None)
        night = time - timedelta(hours=8, minutes=25)  # from 00:05 on: like a counter, but for the later ones
        disk.capture(f"clock/{night:%Y%m%d/%H%M%S}.jpg", night.isoformat())
    return Archive(disk.captures)


def phone(root: Path) -> Archive:
    """The backup of a phone's memory card, with what it received, deleted and copied."""
    disk = Disk(root)
    for time in moments():
        utc = time.replace(tzinfo=UTC)
        disk.capture(
            f"DCIM/Camera/IMG_{time:%Y%m%d_%H%M%S}.jpg", f"{time.isoformat()}+01:00", taken(time, offset="+01:00")
        )
        disk.capture(f"DCIM/Camera/PXL_{utc:%Y%m%d_%H%M%S}123.jpg", utc.isoformat())
        disk.picture(f"DCIM/.thumbnails/{utc.timestamp():.0f}.jpg")
    for number, day in enumerate(DAYS):
        disk.capture(f"Pictures/WhatsApp Images/IMG-{day:%Y%m%d}-WA{number:04}.jpg", None)
        disk.capture(f"Pictures/Screenshots/Screenshot_{day:%Y%m%d}-101500.png", f"{day:%Y-%m-%d}T10:15:00")
        disk.capture(f"Camera/DSC_{number:04}.JPG", None, taken(datetime(2000, 1, 1, 0, 0, number)))
        disk.picture(f"DCIM/Camera/.trashed-1735689600-IMG_{day:%Y%m%d}_110000.jpg")
    disk.capture("DCIM/Camera/IMG_0930 (conflicted copy 2024-12-12 101500).jpg", None)
    disk.file("DCIM/Camera/VID_20241101_101500.mp4")
    disk.picture("lost+found/#1234/IMG_20240101_000000.jpg")
    return Archive(disk.captures, passed_over=1, skipped=len(DAYS) + 2)


DEVICES: dict[str, Callable[[Path], Archive]] = {
    draw.__name__: draw for draw in (synology, all_sky, motion, frigate, rpicam, phone)
}
