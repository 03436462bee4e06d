"""C: torch and torchvision; several photos go through a DataLoader with two workers."""

import sys

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms


class Photos(Dataset):
    def __init__(self, paths, transform):
        self.paths, self.transform = paths, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.transform(Image.open(self.paths[index]).convert("RGB"))


def load(folder):
    saved = torch.load(f"{folder}/torch.pt", weights_only=True)
    network = models.resnet34(num_classes=len(saved["classes"]))
    network.load_state_dict(saved["weights"])
    network.eval()
    transform = transforms.Compose(
        [
            transforms.Resize((saved["side"], saved["side"]), transforms.InterpolationMode(saved["interpolation"])),
            transforms.CenterCrop(saved["size"]),
            transforms.ToTensor(),
            transforms.Normalize(saved["mean"], saved["std"]),
        ]
    )

    @torch.inference_mode()
    def classify(paths):
        photos = Photos(paths, transform)
        one = len(photos) == 1
        loader = DataLoader(photos, batch_size=8, num_workers=0 if one else 2)
        return [saved["classes"][i] for batch in loader for i in network(batch).argmax(1)]

    return classify


if __name__ == "__main__":
    print(*load(sys.argv[1])(sys.argv[2:]), sep="\n")
