"""Records the loss curve of PyTorch's linear classifiers on fixed features, for the tests of models/judge. Needs
torch and numpy; the tests need neither:

    python models/judge/testdata/gen_torch.py

It writes probe.json beside itself. Features and first weights are formulas over (name, index), the same bits
as in models/internal/parity/formula.go, so that only outcomes are recorded. The settings are those of the MoCo
authors' probe (main_lincls.py): cross-entropy, SGD with momentum 0.9 and no weight decay, rate 30 among others,
divided by ten at 60 and 80 % of the 50 steps; the last batch of an epoch is smaller.
"""
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

ROWS, DIM, CLASSES, BATCH, STEPS = 1000, 64, 10, 96, 50
RATES = [0.3, 3.0, 30.0]
DECAYS = {"0": 0.0, "1e-3": 1e-3}


def fnv32a(name):
    h = 0x811C9DC5
    for byte in name.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def hashes(name, n):
    def mix(x):
        x = (x ^ x >> 16) * np.uint32(0x7FEB352D)
        x = (x ^ x >> 15) * np.uint32(0x846CA68B)
        return x ^ x >> 16

    return mix(mix(np.arange(n, dtype=np.uint32) + np.uint32(0x9E3779B9)) ^ np.uint32(fnv32a(name)))


def uniform(name, n):
    return (hashes(name, n) >> 8).astype(np.float64) / (1 << 23) - 1


def batches():
    """The rows in order, epoch after epoch, the last batch of each smaller."""
    while True:
        for start in range(0, ROWS, BATCH):
            yield slice(start, min(start + BATCH, ROWS))


def curve(rate, decay, dtype):
    labels = torch.arange(ROWS) % CLASSES
    centers = uniform("probe/centers", CLASSES * DIM).reshape(CLASSES, DIM) / 2
    features = uniform("probe/features", ROWS * DIM).reshape(ROWS, DIM) + centers[labels.numpy()]
    x = torch.from_numpy((features / 8).astype(np.float32)).to(dtype)
    fc = torch.nn.Linear(DIM, CLASSES, dtype=dtype)
    with torch.no_grad():
        first = (uniform("probe/weight", CLASSES * DIM) / 64).astype(np.float32).reshape(CLASSES, DIM)
        fc.weight.copy_(torch.from_numpy(first))
        fc.bias.zero_()
    sgd = torch.optim.SGD(fc.parameters(), rate, momentum=0.9, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.MultiStepLR(sgd, [STEPS * 6 // 10, STEPS * 8 // 10], gamma=0.1)
    losses = []
    for _, rows in zip(range(STEPS), batches()):
        loss = F.cross_entropy(fc(x[rows]), labels[rows])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def main():
    record = {"rows": ROWS, "dim": DIM, "classes": CLASSES, "batch": BATCH, "steps": STEPS, "rates": RATES, "curves": []}
    for decay in DECAYS.values():
        for rate in RATES:
            exact, single = curve(rate, decay, torch.float64), curve(rate, decay, torch.float32)
            worst = max(abs(a - b) / a for a, b in zip(exact, single))
            print(f"decay {decay:g} rate {rate:g}: {exact[0]:.6f} ... {exact[-1]:.6f}, float32 differs by {worst:.1e}")
            record["curves"].append({"rate": rate, "decay": decay, "losses": exact, "float32": worst})
    out = pathlib.Path(__file__).parent / "probe.json"
    out.write_text(json.dumps(record, indent=1) + "\n")


main()
