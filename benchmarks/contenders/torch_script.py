"""C: torch and torchvision; several photos go through a DataLoader with two workers."""

import sys
from itertools import groupby

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms


class Photos(Dataset):
    def __init__(self, paths, saved):
        self.paths, self.resize = paths, saved["resize"]
        self.method = transforms.InterpolationMode(self.resize["interpolation"])
        self.normalise = transforms.Normalize(saved["mean"], saved["std"])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        image = Image.open(self.paths[index]).convert("RGB")
        width, height = image.size
        short, multiple, most = (self.resize[key] for key in ("size", "multiple", "max_ratio"))
        long = round(short * min(max(width, height) / min(width, height), most) / multiple) * multiple
        size = [long, short] if height > width else [short, long]
        return self.normalise(transforms.functional.to_tensor(transforms.functional.resize(image, size, self.method)))


def load(folder):
    saved = torch.load(f"{folder}/torch.pt", weights_only=True)
    network = models.resnet34(num_classes=len(saved["classes"]))
    network.load_state_dict(saved["weights"])
    network.eval()

    @torch.inference_mode()
    def classify(paths):
        photos = Photos(paths, saved)
        one = len(photos) == 1
        loader = DataLoader(photos, batch_size=8, num_workers=0 if one else 2, collate_fn=list)
        batches = (torch.stack(list(group)) for images in loader for _, group in groupby(images, lambda i: i.shape))
        return [saved["classes"][i] for batch in batches for i in network(batch).argmax(1)]

    return classify


if __name__ == "__main__":
    print(*load(sys.argv[1])(sys.argv[2:]), sep="\n")
