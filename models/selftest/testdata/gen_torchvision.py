#!/usr/bin/env python3
"""Records torchvision's outputs for given parameters: torchvision.json (cases) and torchvision.bin (pixels).

Run in this folder with torch, torchvision, Pillow and numpy installed:  python gen_torchvision.py
It also prints how far the 8-bit PIL path, which the original MoCo trains on, is from the float path.
Inputs follow from a formula (see pixels), so only outputs are stored: float32, little-endian, [size, size, 3].
"""
import itertools
import json

import numpy as np
import torch
import torchvision
import torchvision.transforms.functional as F
from PIL import Image, ImageFilter

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
CIFAR = ([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010])
MNIST = ([0.1307] * 3, [0.3081] * 3)
UNIT = ([0.0] * 3, [1.0] * 3)


def pixels(n, side, channels):
    """Image number n: uint8 [side, side, channels]; harsh, with every value and many grey and saturated pixels."""
    y, x, c = np.meshgrid(np.arange(side), np.arange(side), np.arange(channels), indexing="ij")
    v = (7 * y * y + 13 * x * (c + 1) + 31 * n + x * y * (c + 2)) % 256
    v = np.where((x + y + n) % 11 == 0, (17 * y + 5 * x) % 256, v)
    v = np.where((x + 2 * y + n) % 13 == 0, 255 * ((x + c) % 2), v)
    return v.astype(np.uint8)


def smooth(side):
    """A natural image's spectrum, roughly: for the comparison with PIL."""
    y, x, c = np.meshgrid(np.arange(side) / side, np.arange(side) / side, np.arange(3), indexing="ij")
    v = 128 + 60 * np.sin(5 * x + 3 * y + c) + 40 * np.sin(31 * x * y + 2 * c) + 20 * np.sin(90 * (x - y) + c)
    return np.clip(v, 0, 255).astype(np.uint8)


def view(**changes):
    """The fields of Go's augment.View; the box in pixels (top, left, height, width), or None for all."""
    v = dict(box=None, flip=False, brightness=1.0, contrast=1.0, saturation=1.0, hue=0.0, order=[0, 1, 2, 3],
             gray=False, sigma=0.0)
    v.update(changes)
    return v


def jitter(img, v, active):
    by_place = sorted(range(4), key=lambda op: v["order"][op])
    for op in by_place:
        if op == 0 and "b" in active:
            img = F.adjust_brightness(img, v["brightness"])
        elif op == 1 and "c" in active:
            img = F.adjust_contrast(img, v["contrast"])
        elif op == 2 and "s" in active:
            img = F.adjust_saturation(img, v["saturation"])
        elif op == 3 and "h" in active:
            img = F.adjust_hue(img, v["hue"])
    return img


def taps(kernel, size):
    return int(kernel * size) // 2 * 2 + 1


def chain(img, v, group, pil=False):
    """The operations of a group in order, on a float tensor or (pil) an image."""
    size, side = group["size"], img.size[0] if pil else img.shape[-1]
    top, left, height, width = v["box"] or (0, 0, side, side)
    img = F.resized_crop(img, top, left, height, width, [size, size], F.InterpolationMode.BILINEAR, antialias=True)
    if not pil and img.shape[0] == 1:
        img = img.repeat(3, 1, 1)
    for op in group["ops"]:
        if op == "jitter":
            img = jitter(img, v, group["active"])
        elif op == "gray" and v["gray"]:
            img = F.rgb_to_grayscale(img, 3)
        elif op == "blur" and v["sigma"] > 0:
            if pil:
                img = img.filter(ImageFilter.GaussianBlur(radius=v["sigma"]))
            else:
                img = F.gaussian_blur(img, [taps(group["kernel"], size)] * 2, [v["sigma"]] * 2)
    return F.hflip(img) if v["flip"] else img


def tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1).float() / 255


def run(group):
    mean, std = group["mean"], group["std"]
    for n, v in enumerate(group["views"]):
        img = tensor(pixels(n, group["side"], group["channels"]))
        if group["side"] == 28 and group["size"] == 32:
            img = F.pad(img, [2])
        yield F.normalize(chain(img, v, group), mean, std).permute(1, 2, 0).numpy()


def group(name, views, side, size, ops=(), active="", kernel=0.0, channels=3, norm=UNIT):
    return dict(name=name, side=side, size=size, channels=channels, ops=list(ops), active=active, kernel=kernel,
                mean=norm[0], std=norm[1], views=views)


GROUPS = [
    group("crop", [view(), view(box=(3, 5, 13, 9)), view(box=(1, 2, 38, 11), flip=True),
                   view(box=(0, 7, 24, 24)), view(box=(11, 0, 2, 40))], 40, 24),
    group("brightness", [view(brightness=f) for f in (0.0, 0.6, 1.4)], 16, 16, ["jitter"], "b"),
    group("contrast", [view(contrast=f) for f in (0.0, 0.6, 1.4)], 16, 16, ["jitter"], "c"),
    group("saturation", [view(saturation=f) for f in (0.0, 0.6, 1.4)], 16, 16, ["jitter"], "s"),
    group("hue", [view(hue=f) for f in (-0.5, -0.3, 0.0, 0.1, 0.4)], 16, 16, ["jitter"], "h"),
    group("gray", [view(gray=True), view()], 16, 16, ["gray"]),
    group("blur", [view(sigma=s) for s in (0.0, 0.1, 0.7, 2.0)], 24, 24, ["blur"], kernel=0.4),
    group("every order", [view(brightness=1.3, contrast=0.65, saturation=1.35, hue=0.23, order=list(p))
                          for p in itertools.permutations(range(4))], 10, 10, ["jitter"], "bcsh"),
    group("v1", [view(box=(4, 6, 30, 22), flip=True, brightness=1.2, contrast=0.7, saturation=1.3, hue=-0.35,
                      order=[2, 0, 3, 1]),
                 view(box=(10, 3, 18, 24), brightness=0.7, contrast=1.3, saturation=0.7, hue=0.2,
                      order=[1, 3, 0, 2], gray=True)],
          40, 24, ["gray", "jitter"], "bcsh", norm=IMAGENET),
    group("v2", [view(box=(2, 9, 20, 25), flip=True, brightness=0.8, contrast=1.25, saturation=0.75, hue=0.08,
                      order=[3, 1, 0, 2], sigma=1.3),
                 view(box=(0, 0, 36, 40), gray=True, sigma=0.4),
                 view(box=(15, 12, 21, 19), brightness=1.35, contrast=0.9, saturation=1.1, hue=-0.09,
                      order=[0, 2, 1, 3])],
          40, 32, ["jitter", "gray", "blur"], "bcsh", kernel=0.1, norm=IMAGENET),
    group("cifar", [view(box=(5, 8, 14, 11), flip=True, brightness=1.1, contrast=1.4, saturation=0.65, hue=0.1,
                         order=[1, 0, 3, 2]),
                    view(box=(0, 0, 32, 32), brightness=0.65, contrast=0.75, saturation=1.4, hue=-0.05,
                         order=[2, 3, 1, 0], gray=True)],
          32, 32, ["jitter", "gray"], "bcsh", norm=CIFAR),
    group("digits", [view(box=(4, 1, 25, 29), brightness=1.3, contrast=0.8, order=[2, 1, 0, 3])],
          28, 32, ["jitter"], "bc", channels=1, norm=MNIST),
]


def difference(name, g):
    """Mean and largest distance of the PIL path from the float path, on the [0, 1] scale."""
    image, total, worst = smooth(256), [], 0
    for v in g["views"]:
        v = dict(v, box=[6 * p for p in v["box"]])
        exact = chain(tensor(image), v, g).permute(1, 2, 0).numpy()
        rounded = np.asarray(chain(Image.fromarray(image), v, g, pil=True), dtype=np.float32) / 255
        total.append(np.abs(exact - rounded).mean())
        worst = max(worst, np.abs(exact - rounded).max())
    print(f"{name}: PIL differs by {np.mean(total):.4f} on average, {worst:.4f} at most")


def main():
    torch.manual_seed(0)
    with open("torchvision.bin", "wb") as f:
        for g in GROUPS:
            for out in run(g):
                f.write(np.ascontiguousarray(out, dtype="<f4").tobytes())
    text = json.dumps({"torch": torch.__version__, "torchvision": torchvision.__version__, "groups": GROUPS})
    with open("torchvision.json", "w") as f:
        f.write(text.replace('{"name"', '\n{"name"') + "\n")
    for g in GROUPS:
        if g["name"] in ("v1", "v2", "cifar"):
            difference(g["name"], dict(g, size=224))


if __name__ == "__main__":
    main()
