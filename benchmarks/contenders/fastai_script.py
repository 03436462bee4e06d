"""D: fastai's `learn.predict`."""

import sys

from fastai.vision.all import load_learner


def load(folder):
    learner = load_learner(f"{folder}/fastai.pkl")

    def classify(paths):
        with learner.no_bar(), learner.no_logging():
            return [str(learner.predict(path)[0]) for path in paths]

    return classify


if __name__ == "__main__":
    print(*load(sys.argv[1])(sys.argv[2:]), sep="\n")
