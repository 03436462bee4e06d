"""Photos of other sources: what they show, and which half they are in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cloudedge.errors import CloudEdgeError
from cloudedge.packaged_models import sha256
from export.data.elsewhere import Elsewhere, clear_skies, clouds, load_elsewhere


def write(folder: Path, sources: list[str], reviews: list[str]) -> Path:
    (folder / "sources.csv").write_text("\n".join(["file,source,group,sha256", *sources]), encoding="utf-8")
    header = "file,reviewer,first,p1,second,p2,third,p3"
    (folder / "review.csv").write_text("\n".join([header, *reviews]), encoding="utf-8")
    return folder


@pytest.fixture
def halves(tmp_path: Path) -> Elsewhere:
    """Return photos of three sources, three to a group; one source has an odd number of groups."""
    sizes = {"horizon": 8, "panorama": 5, "phone": 2}
    files = [
        (f"{source}/{group}-{k}.jpg", source, f"{source}-{group}")
        for source, n in sizes.items()
        for group in range(n)
        for k in range(3)
    ]
    return load_elsewhere(
        write(
            tmp_path,
            [f"{file},{source},{group}," for file, source, group in files],
            [f"{file},3,Cumulus,0.9,,,," for file, _, _ in files],
        )
    )


def test_a_group_is_whole_in_one_half(halves: Elsewhere) -> None:
    groups = [Counter(photo.group for photo in half) for half in (halves.calibration, halves.test)]
    assert groups[0].keys().isdisjoint(groups[1])
    assert {count for half in groups for count in half.values()} == {3}
    assert sum(map(len, groups)) == 15


def test_each_source_is_halved(halves: Elsewhere) -> None:
    counts = [Counter(photo.file.split("/")[0] for photo in half) for half in (halves.calibration, halves.test)]
    for source, groups in (("horizon", 8), ("panorama", 5), ("phone", 2)):
        found = [half[source] // 3 for half in counts]
        assert sum(found) == groups
        assert max(found) - min(found) <= 1


def test_the_halves_do_not_follow_the_order_of_the_file(halves: Elsewhere, tmp_path: Path) -> None:
    lines = (tmp_path / "sources.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "sources.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]), encoding="utf-8")
    again = load_elsewhere(tmp_path)
    assert {photo.file for photo in again.test} == {photo.file for photo in halves.test}
    numbers = [photo.file.split("/")[1].split("-")[0] for photo in halves.test if photo.file.startswith("horizon")]
    assert set(numbers) not in ({"0", "2", "4", "6"}, {"1", "3", "5", "7"})


@pytest.mark.parametrize(
    ("reviews", "genus"),
    [
        (["3,Cirrus,0.6,ClearSky,0.4"], "Cirrus"),
        (["3,Cirrus,0.6,Cumulus,0.4", "4,Cumulus,0.9,,"], "Cumulus"),  # both count, not the first alone
        (["1,Cirrus,0.9,,", "3,Cumulus,0.9,,"], "Cumulus"),  # the guided one
        (["3,ClearSky,0.9,,"], "ClearSky"),
        (["3,Cirrus,0.6,ClearSky,0.4", "4,ClearSky,0.9,,"], "ClearSky"),  # mostly no genus
        (["3,Contrail,0.5,NotSky,0.4"], "Contrail"),
    ],
)
def test_the_genus_is_what_the_reviews_take_a_photo_for(reviews: list[str], genus: str, tmp_path: Path) -> None:
    found = load_elsewhere(write(tmp_path, ["a.jpg,phone,a,"], [f"a.jpg,{review},," for review in reviews]))
    assert [photo.genus for photo in found.calibration] == [genus]
    assert [photo.file for photo in clouds(found.calibration)] == ["a.jpg"] * (genus in ("Cirrus", "Cumulus"))
    assert [photo.file for photo in clear_skies(found.calibration)] == ["a.jpg"] * (genus == "ClearSky")
    assert found.files(found.calibration) == [tmp_path / "a.jpg"]


def test_a_photo_without_a_review_is_told(tmp_path: Path) -> None:
    write(tmp_path, ["a.jpg,phone,a,", "b.jpg,phone,b,"], ["a.jpg,3,Cumulus,0.9,,,,"])
    with pytest.raises(CloudEdgeError, match=r"review\.csv: has no review of b\.jpg; add one"):
        load_elsewhere(tmp_path)


def test_a_file_that_is_not_the_listed_one_is_told(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"a photo")
    write(tmp_path, [f"a.jpg,phone,a,{sha256(photo)}"], ["a.jpg,3,Cumulus,0.9,,,,"])
    assert [found.file for found in load_elsewhere(tmp_path).calibration] == ["a.jpg"]
    photo.write_bytes(b"another")
    with pytest.raises(CloudEdgeError, match=r"a\.jpg: is not the file that sources\.csv lists; put that file back"):
        load_elsewhere(tmp_path)
    photo.unlink()
    with pytest.raises(CloudEdgeError, match=r"a\.jpg: cannot be read \(No such file or directory\); put the file"):
        load_elsewhere(tmp_path)
