"""Times PyTorch's way to read a folder of images: what `mocotpu bench data` compares its own with.

    python torch_loader.py '{"folder": "...", "size": 256, "workers": 2, "batch": 64}'

torchvision's ImageFolder and a DataLoader decode every image and squeeze it to size x size, as uint8. One pass over
the folder warms the caches, a second is timed, from the first batch on: starting the workers is not.

Prints one JSON object, or {"missing": why} where torch or torchvision cannot be imported.
"""
import json
import sys
import time

try:
    import PIL
    import torch
    import torchvision
    from torchvision import transforms
except ImportError as missing:
    print(json.dumps({"missing": str(missing)}))
    sys.exit(0)


def main():
    c = json.loads(sys.argv[1])
    size = c["size"]
    folder = torchvision.datasets.ImageFolder(
        c["folder"], transforms.Compose([transforms.Resize((size, size)), transforms.PILToTensor()]))
    loader = torch.utils.data.DataLoader(folder, batch_size=c["batch"], shuffle=True, num_workers=c["workers"], drop_last=True)
    for _ in range(2):
        start = None
        images = 0
        for batch, _ in loader:
            if start is None:
                start = time.perf_counter()
                continue
            images += len(batch)
        seconds = time.perf_counter() - start
    print(json.dumps({"torch": torch.__version__, "torchvision": torchvision.__version__, "pillow": PIL.__version__,
                      "images": images, "seconds": seconds}))


if __name__ == "__main__":
    main()
