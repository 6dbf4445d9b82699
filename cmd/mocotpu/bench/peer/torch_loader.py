"""Times PyTorch's way to read a folder of images: what `mocotpu bench data` compares its own with.

    python torch_loader.py '{"folder": "...", "size": 256, "workers": 2, "batch": 64}'

torchvision's ImageFolder and a DataLoader decode every image and squeeze it to size x size, as uint8. One pass over
the folder warms the caches, a second is timed, from the first batch on: starting the workers is not.

It answers as clock.py says, with the times of the batches.
"""
import time

import clock

try:
    import PIL
    import torch
    import torchvision
    from torchvision import transforms
except ImportError as absent:
    clock.missing(absent)


def main():
    c = clock.case()
    size = c["size"]
    folder = torchvision.datasets.ImageFolder(
        c["folder"], transforms.Compose([transforms.Resize((size, size)), transforms.PILToTensor()]))
    loader = torch.utils.data.DataLoader(folder, batch_size=c["batch"], shuffle=True, num_workers=c["workers"], drop_last=True)
    for _ in range(2):
        last, ms = None, []
        for _ in loader:
            now = time.perf_counter()
            if last is not None:
                ms.append(1000 * (now - last))
            last = now
    clock.answer(versions={"torch": torch.__version__, "torchvision": torchvision.__version__, "pillow": PIL.__version__}, ms=ms)


if __name__ == "__main__":
    main()
