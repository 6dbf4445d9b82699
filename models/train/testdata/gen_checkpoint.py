"""Records a MoCo run of PyTorch that another program can go on with: a checkpoint after two epochs, in the form of
facebookresearch/moco's, and what PyTorch makes of the two epochs after it. For the tests of models/train; needs torch
and torchvision, the tests need neither:

    python models/train/testdata/gen_checkpoint.py

It writes checkpoint_v1.pth.tar, checkpoint_v2.pth.tar and, for each, after_v1.json and after_v2.json beside itself. The
algorithm is that of the MoCo papers (v1: linear head, rate divided by ten at milestones; v2: MLP head, cosine), with
BatchNorm over contiguous groups of the batch and the key images exchanged between them. Images and views are the formulas
of models/selftest/testdata/gen_torch.py, whose encoders these are, too.

The run up to the checkpoint is float32, as anybody's; the steps after it are computed in float64 from what the file holds,
and once more in float32, whose distance is the yardstick for the tests' tolerances.
"""
import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "selftest" / "testdata"))
from gen_torch import digits, encoder, fill, pixels, records, shuffle_order, state, unit_rows, view, write  # noqa: E402

CASES = {
    "v1": {
        "arch": "resnet10", "stem": "small", "head": "linear", "width": 4, "dim": 16, "image_size": 16, "batch": 16,
        "queue_len": 40, "groups": 4, "key_momentum": 0.99, "temperature": 0.07, "lr": 0.004, "sgd_momentum": 0.9,
        "weight_decay": 1e-4, "schedule": "step", "milestones": [3], "epochs": 4, "steps_per_epoch": 2, "done": 2},
    "v2": {
        "arch": "resnet10", "stem": "imagenet", "head": "mlp", "width": 4, "dim": 16, "image_size": 33, "batch": 16,
        "queue_len": 48, "groups": 4, "key_momentum": 0.9, "temperature": 0.2, "lr": 0.03, "sgd_momentum": 0.9,
        "weight_decay": 0.001, "schedule": "cosine", "milestones": [], "epochs": 5, "steps_per_epoch": 2, "done": 2},
}


class MoCo(torch.nn.Module):
    """Both encoders and the queue, by the names that checkpoints have them under."""

    def __init__(self, case):
        super().__init__()
        shape = {key: case[key] for key in ("arch", "groups", "stem", "head", "width", "dim")}
        self.case = case
        self.encoder_q = fill(encoder(**shape), "query", torch.float32)
        self.encoder_k = fill(encoder(**shape), "key", torch.float32)
        self.encoder_k.requires_grad_(False)
        self.register_buffer("queue", unit_rows("queue", case["queue_len"], case["dim"]).T.contiguous())
        self.register_buffer("queue_ptr", torch.tensor([case["queue_len"] - 16]))

    def forward(self, im_q, im_k):
        n, case = len(im_q), self.case
        order = shuffle_order(case["groups"], n)
        q = F.normalize(self.encoder_q(im_q), dim=1)
        with torch.no_grad():
            for p_q, p_k in zip(self.encoder_q.parameters(), self.encoder_k.parameters()):
                p_k.mul_(case["key_momentum"]).add_(p_q, alpha=1 - case["key_momentum"])
            keys = F.normalize(self.encoder_k(im_k[order]), dim=1)[torch.argsort(order)]
        logits = torch.cat([(q * keys).sum(1, keepdim=True), q @ self.queue.clone()], dim=1)
        loss = F.cross_entropy(logits / case["temperature"], torch.zeros(n, dtype=torch.long))
        at = int(self.queue_ptr)
        self.queue[:, (at + torch.arange(n)) % case["queue_len"]] = keys.T
        self.queue_ptr[0] = (at + n) % case["queue_len"]
        return loss


def rate(case, epoch):
    if case["schedule"] == "cosine":
        return case["lr"] * 0.5 * (1 + math.cos(math.pi * epoch / case["epochs"]))
    return case["lr"] * 0.1 ** sum(epoch >= m for m in case["milestones"])


def train(case, module, optimizer, dtype, epochs):
    """Trains over the epochs and returns the loss of each step."""
    losses = []
    module.train()
    for epoch in epochs:
        optimizer.param_groups[0]["lr"] = rate(case, epoch)
        for at in range(case["steps_per_epoch"]):
            step = epoch * case["steps_per_epoch"] + at
            images = pixels(f"images{step}", case["batch"], case["image_size"])
            loss = module(*(view(images, f"view{v}.{step}", dtype) for v in (1, 2)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            for norm in module.modules():
                if isinstance(norm, torch.nn.BatchNorm2d):
                    norm.num_batches_tracked += 1  # as the class does that splits no batch
            losses.append(loss.item())
    return losses


def sgd(case, module):
    return torch.optim.SGD(module.parameters(), case["lr"], momentum=case["sgd_momentum"], weight_decay=case["weight_decay"])


def load(case, path, dtype):
    """The module and its optimizer as a checkpoint has them."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    module = MoCo(case)
    module.load_state_dict({name.removeprefix("module."): t for name, t in checkpoint["state_dict"].items()}, strict=True)
    module.to(dtype)
    optimizer = sgd(case, module)
    optimizer.load_state_dict(checkpoint["optimizer"])  # in the type of the parameters
    return module, optimizer, checkpoint["epoch"]


def save(case, path, module, optimizer, epoch):
    torch.save({
        "epoch": epoch, "arch": case["arch"], "optimizer": optimizer.state_dict(),
        "state_dict": {"module." + name: t for name, t in module.state_dict().items()},
    }, path)


def after(case, path, dtype):
    """What the epochs after a checkpoint make of it."""
    module, optimizer, epoch = load(case, path, dtype)
    losses = train(case, module, optimizer, dtype, range(epoch, case["epochs"]))
    tensors = {}
    for scope, net in (("query", module.encoder_q), ("key", module.encoder_k)):
        tensors |= {f"{scope}/{name}": t for name, t in state(net).items()}
    for name, p in module.encoder_q.named_parameters():
        tensors[f"momentum/{name}"] = optimizer.state[p]["momentum_buffer"]
    return losses, tensors | {"queue": module.queue.T.contiguous()}, int(module.queue_ptr)


def main():
    for name, case in CASES.items():
        path = HERE / f"checkpoint_{name}.pth.tar"
        module = MoCo(case)
        optimizer = sgd(case, module)
        before = train(case, module, optimizer, torch.float32, range(case["done"]))
        save(case, path, module, optimizer, case["done"])
        print(path, path.stat().st_size, "bytes; losses", before)
        losses, tensors, pointer = after(case, path, torch.float64)
        losses32, tensors32, _ = after(case, path, torch.float32)
        print("float32 is off by", [abs(a - b) / b for a, b in zip(losses32, losses)])
        write(HERE / f"after_{name}.json", {
            "torch": torch.__version__, "config": case,
            "losses": [digits(x) for x in losses], "losses_float32": [digits(x) for x in losses32],
            "final_pointer": pointer, "tensors": records(tensors, tensors32),
        })
        print("worst of float32:", max(json.loads((HERE / f"after_{name}.json").read_text())["tensors"], key=lambda r: r["float32"]))


if __name__ == "__main__":
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    main()
