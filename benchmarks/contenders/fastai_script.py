"""D: fastai's `learn.predict`."""

import sys

from fastai.vision.all import PILImage, load_learner
from PIL import Image


def load(folder):
    learner = load_learner(f"{folder}/fastai.pkl")
    short, multiple, most = (learner.resize[key] for key in ("size", "multiple", "max_ratio"))
    method = Image.Resampling[learner.resize["interpolation"].upper()]

    def resized(path):
        image = PILImage.create(path)
        width, height = image.size
        long = round(short * min(max(width, height) / min(width, height), most) / multiple) * multiple
        return image.resize((short, long) if height > width else (long, short), method)

    def classify(paths):
        with learner.no_bar(), learner.no_logging():
            return [str(learner.predict(resized(path))[0]) for path in paths]

    return classify


if __name__ == "__main__":
    print(*load(sys.argv[1])(sys.argv[2:]), sep="\n")
