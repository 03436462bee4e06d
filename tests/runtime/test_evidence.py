from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from cloudedge import CloudClassifier
from cloudedge.evidence import EvidenceMaps, seen
from cloudedge.model_spec import ModelSpec


@pytest.fixture
def explaining(make_model, metadata):
    return make_model(metadata, "outputs")


def test_evidence_has_the_shape_of_the_upright_photo(explaining, draw_sky, encode):
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side in the file, and decoded at a fraction of its size
    photo = encode(draw_sky(1600, 1201), "JPEG", exif=exif.tobytes())
    result = CloudClassifier(explaining, threads=1).classify(photo)
    evidence = result.evidence()
    assert (evidence.shape, evidence.dtype) == ((1600, 1201), np.float32)
    np.testing.assert_array_equal(evidence, result.evidence(result.genus))
    np.testing.assert_array_equal(evidence, result.evidence(result.abbreviation))
    assert not np.allclose(evidence, result.evidence("Cirrus" if result.genus != "Cirrus" else "Cumulus"))


def test_evidence_is_kept_out_of_the_row(explaining, sky):
    result = CloudClassifier(explaining, threads=1).classify(sky)
    row = result.to_dict()
    assert "maps" not in row
    assert "maps" not in repr(result)
    json.dumps(row)


def test_evidence_is_laid_where_the_model_looked():
    values = np.zeros((2, 4, 4), np.float32)
    values[1, 0, 3] = 1.0  # the upper right
    maps = EvidenceMaps(("Cirrus", "Cumulus"), values, (200, 100), (0.5, 0.0, 1.0, 0.5))
    evidence = maps.on_photo("Cumulus")
    assert np.abs(evidence[:, :100]).max() == np.abs(evidence[50:]).max() == 0
    assert evidence[:12, 176:].mean() > 0.7
    assert not maps.on_photo("Cirrus").any()


def test_the_margin_of_the_centre_crop_was_not_seen(metadata):
    spec = ModelSpec.from_json(json.dumps(metadata))  # 32 of 36 pixels
    assert seen((0.0, 0.0, 1.0, 1.0), spec) == pytest.approx((1 / 18, 1 / 18, 17 / 18, 17 / 18))
    assert seen((0.5, 0.0, 1.0, 1.0), spec) == pytest.approx((0.5 + 1 / 36, 1 / 18, 1 - 1 / 36, 17 / 18))


@pytest.mark.parametrize("box", [(0.0, 0.0, 1e-9, 1.0), (0.999, 0.999, 1.0, 1.0)])
def test_a_part_thinner_than_a_pixel_has_no_evidence_or_a_pixel_of_it(box):
    maps = EvidenceMaps(("Cirrus",), np.ones((1, 4, 4), np.float32), (50, 30), box)
    assert maps.on_photo("Cirrus").shape == (30, 50)


def test_without_a_genus_the_evidence_is_that_of_the_best_guess(make_model, metadata, sky):
    model = make_model({**metadata, "thresholds": {"low_confidence": 0.0, "dark": 256}}, "outputs")
    night = CloudClassifier(model, threads=1).classify(sky)
    assert night.genus is None
    np.testing.assert_array_equal(night.evidence(), night.evidence(night.top[0].genus))


def test_what_has_no_evidence_says_so(explaining, tiny, sky):
    with pytest.raises(ValueError, match=r"tiny 0\.0\.1 gives no evidence"):
        CloudClassifier(tiny, threads=1).classify(sky).evidence()
    classifier = CloudClassifier(explaining, threads=1)
    with pytest.raises(ValueError, match="is not one of the model's genera"):
        classifier.classify(sky).evidence("Contrail")
    (failed,) = classifier.classify_many(["missing.jpg"])
    with pytest.raises(ValueError, match="no evidence for an error"):
        failed.evidence()
