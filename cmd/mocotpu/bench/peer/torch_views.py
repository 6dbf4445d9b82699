"""Two views of each image of a packed set, made on the host as PyTorch's users do: torchvision's transforms in the
workers of a DataLoader."""
import random

import numpy
import torch
from torchvision.transforms import v2


class Mix(torch.nn.Module):
    """mocotpu's channel mixing, which torchvision has not: each channel a random convex combination of the three,
    times a gain."""

    def __init__(self, gain):
        super().__init__()
        self.gain = gain["min"], gain["max"]

    def forward(self, x):
        weights = torch.empty(3, 3).exponential_()
        weights *= torch.empty(3, 1).uniform_(*self.gain) / weights.sum(1, keepdim=True)
        mixed = torch.einsum("ij,jhw->ihw", weights, x.float())
        return mixed.clamp_(0, 255).to(x.dtype)


def recipe(views, side, size):
    """The transforms of a views configuration, from uint8 [3,side,side] to normalised float32 [3,size,size]."""
    jitter, blur = views["jitter"], views["blur"]
    kernel = round(blur["kernel"] * size) | 1
    ops = {
        "jitter": lambda: v2.RandomApply([v2.ColorJitter(
            *(jitter[k] for k in ("brightness", "contrast", "saturation", "hue")))], jitter["p"]),
        "gray": lambda: v2.RandomGrayscale(views["gray"]),
        "blur": lambda: v2.RandomApply([v2.GaussianBlur(kernel, (blur["sigma"]["min"], blur["sigma"]["max"]))], blur["p"]),
        "mix": lambda: v2.RandomApply([Mix(views["mix"]["gain"])], views["mix"]["p"]),
    }
    pad = [v2.Pad(2)] if (side, size) == (28, 32) else []
    area, ratio = ((views[k]["min"], views[k]["max"]) for k in ("area", "ratio"))
    return v2.Compose([
        *pad, v2.RandomResizedCrop(size, area, ratio, antialias=True), *(ops[op]() for op in views["ops"] or ()),
        v2.RandomHorizontalFlip(views["flip"]), v2.ToDtype(torch.float32, scale=True), v2.Normalize(views["mean"], views["std"]),
    ])


class Pairs(torch.utils.data.Dataset):
    """Image i of the mapped array, as two views."""

    def __init__(self, case):
        self.path = case["set"] + "/images.npy"
        self.images = None
        shape = numpy.load(self.path, mmap_mode="r").shape
        self.count = shape[0]
        self.transform = recipe(case["views"], shape[1], case["image_size"])

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        if self.images is None:  # each worker maps the file itself
            self.images = numpy.load(self.path, mmap_mode="r")
        image = torch.from_numpy(self.images[i].copy()).permute(2, 0, 1)
        return self.transform(image), self.transform(image)


def loader(case):
    """As many batches as the case has steps, in random order, pass after pass over the set."""
    pairs, images = Pairs(case), case["batch"] * (case["warmup"] + case["repeat"])
    order = []
    while len(order) < images:
        order += random.sample(range(len(pairs)), len(pairs))
    return torch.utils.data.DataLoader(pairs, case["batch"], sampler=order[:images], num_workers=case["workers"],
                                       pin_memory=case["device"] == "cuda")
