"""The paths of rows: kept in a third of the memory of a list, and which photo and which camera each of them means."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

from cloudedge.cameras import camera_of
from cloudedge.row_key import identity

K = TypeVar("K")


class Numbers(dict[K, int]):
    """Numbers from 0 on, for keys in the order in which each is first asked for."""

    def __missing__(self, key: K) -> int:
        number = self[key] = len(self)
        return number


class Paths:
    """Paths by the numbers of their rows."""

    def __init__(self) -> None:
        self._folders = Numbers[str]()
        self._names = bytearray()
        self._ends, self._folder_of = array("Q", [0]), array("L")

    def __len__(self) -> int:
        return len(self._folder_of)

    def __getitem__(self, number: int) -> str:
        name = self._names[self._ends[number] : self._ends[number + 1]].decode(errors="surrogatepass")
        return self.folders[self._folder_of[number]] + name

    @property
    def folders(self) -> list[str]:
        """The folders, each with its last slash."""
        return [*self._folders]

    def extend(self, folders: Sequence[str], names: Sequence[str]) -> None:
        """Add paths: their folders, each with its last slash, and the names in them."""
        encoded = [name.encode(errors="surrogatepass") for name in names]
        self._names += b"".join(encoded)
        self._ends.extend(accumulate(map(len, encoded), initial=self._ends.pop()))
        self._folder_of.extend(map(self._folders.__getitem__, folders))


class Photos:
    """Finds the photo and the camera that a path means, however it is spelt; of most, it looks at each folder once.

    `pattern` finds the camera in a path, as in `camera_of`.
    """

    def __init__(self, pattern: str | None) -> None:
        self.cameras = Numbers[str | None]()  # of what `camera_of` returns
        self._pattern = pattern
        self._full: dict[str, str] = {}  # folder -> its one name
        self._camera_in: dict[str, int] = {}  # folder -> camera

    def find(
        self, paths: Sequence[str], folders: Sequence[str], names: Sequence[str]
    ) -> tuple[list[tuple[str, str]], list[int]]:
        """Return the folder and the name of each photo, the same for all spellings of its path, and its camera."""
        if not _are_plain(names):
            photos = [_split(identity(path)) for path in paths]
            return photos, [*map(self._camera, paths, photos)]
        full, camera_in = self._full, self._camera_in
        for folder in {*folders} - full.keys():
            full[folder], _ = _split(identity(f"{folder}x"))
        photos = [(full[folder], name) for folder, name in zip(folders, names, strict=True)]
        if self._pattern is not None or any("://" in folder for folder in {*folders}):
            return photos, [*map(self._camera, paths, photos)]
        for folder in {*folders} - camera_in.keys():
            camera_in[folder] = self._camera(folder, (full[folder], ""))
        return photos, [camera_in[folder] for folder in folders]

    def _camera(self, path: str, photo: tuple[str, str]) -> int:
        is_whole = self._pattern is not None or "://" in path
        return self.cameras[camera_of(path if is_whole else "".join(photo), self._pattern)]


def _are_plain(names: Sequence[str]) -> bool:
    """Return whether photos in one folder are of one camera, and have these names however the folder is spelt."""
    return "".join(names).isprintable() and "\\" not in "".join(names) and {"", ".", ".."}.isdisjoint(names)


def _split(path: str) -> tuple[str, str]:
    cut = path.rfind("/") + 1
    return path[:cut], path[cut:]
