#!/usr/bin/env python3
"""Records torchvision's crops of originals, for crops of the same boxes from packed canvases: canvas.json.

Run in this folder with torchvision and numpy installed:  python gen_canvas.py
Boxes are RandomResizedCrop.get_params' for the areas given, views are 224 pixels of 8-bit PIL images, as ImageNet
training has them; of a view every STEP-th pixel of every STEP-th row is kept, in base64. Originals follow from a
formula (see smooth).
"""
import base64
import json

import numpy as np
import torch
import torchvision
import torchvision.transforms.functional as F
from PIL import Image
from torchvision.transforms import RandomResizedCrop

SIZE, STEP = 224, 7
ORIGINALS = [(500, 375), (375, 500), (900, 300), (640, 640), (260, 390)]
AREAS = [(0.08, 0.08), (0.2, 0.2), (0.35, 0.35), (0.5, 0.5), (0.5, 0.75), (0.75, 1.0), (1.0, 1.0)]


def smooth(width, height, fine):
    """A natural image's spectrum, roughly: waves of 1, 5 and 14 periods across, uint8 [height, width, 3]; fine adds
    one of 80, which a canvas of 256 pixels barely holds."""
    y, x, c = np.meshgrid(np.arange(height) / height, np.arange(width) / width, np.arange(3), indexing="ij")
    v = 128 + 60 * np.sin(5 * x + 3 * y + c) + 40 * np.sin(31 * x * y + 2 * c) + 20 * np.sin(90 * (x - y) + c)
    if fine:
        v += 30 * np.sin(2 * np.pi * 80 * x)
    return np.clip(v, 0, 255).astype(np.uint8)


def main():
    torch.manual_seed(0)
    cases = []
    for width, height, fine in [(w, h, False) for w, h in ORIGINALS] + [(500, 375, True)]:
        image = Image.fromarray(smooth(width, height, fine))
        for area in AREAS:
            top, left, h, w = RandomResizedCrop.get_params(image, area, (3 / 4, 4 / 3))
            view = np.asarray(F.resized_crop(image, top, left, h, w, [SIZE, SIZE], F.InterpolationMode.BILINEAR))
            cases.append(dict(width=width, height=height, fine=fine, box=[top, left, h, w],
                              view=base64.b64encode(np.ascontiguousarray(view[::STEP, ::STEP]).tobytes()).decode()))
    text = json.dumps(dict(torchvision=torchvision.__version__, size=SIZE, step=STEP, cases=cases))
    with open("canvas.json", "w") as f:
        f.write(text.replace('{"width"', '\n{"width"') + "\n")


if __name__ == "__main__":
    main()
