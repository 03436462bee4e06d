from __future__ import annotations

from collections import Counter

import pytest

from cloudedge.genera import GENERA, by_name


def test_there_are_ten_genera_with_names_and_abbreviations_of_their_own():
    assert len({genus.name for genus in GENERA}) == len({genus.abbreviation for genus in GENERA}) == len(GENERA) == 10


def test_the_levels_are_those_of_the_cloud_atlas():
    assert Counter(genus.level for genus in GENERA) == {"high": 3, "middle": 3, "low": 4}
    assert {genus.level: genus.base for genus in GENERA} == {
        "high": "> 6000 m",
        "middle": "2000 - 6000 m",
        "low": "< 2000 m",
    }


def test_every_genus_says_how_it_looks_and_what_falls_from_it():
    assert all(genus.look and genus.rain for genus in GENERA)
    assert by_name("Nimbostratus").rain == "Continuous rain or snow likely"


def test_a_genus_is_found_by_its_name():
    assert by_name("Cumulus").abbreviation == "Cu"
    with pytest.raises(KeyError):
        by_name("Contrail")
