"""C with torch.compile."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import torch_script


def load(folder):
    return torch_script.load(folder, compiled=True)


if __name__ == "__main__":
    print(*load(sys.argv[1])(sys.argv[2:]), sep="\n")
