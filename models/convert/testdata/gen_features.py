"""Records what torchvision's ResNets make of fixed images with fixed weights, and the names and shapes of the tensors in
facebookresearch/moco's checkpoints: features.json beside this file, for the tests of models/convert. Needs torch and torchvision; the tests need neither:

    python models/convert/testdata/gen_features.py

Weights and images are formulas over (name, index), the same bits as in models/internal/parity/formula.go. Everything
runs in float64; the distance of a float32 run is recorded, too, as a yardstick for the tests' tolerance.
"""
import hashlib
import json
import pathlib
import sys

import numpy as np
import torch
import torchvision

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "selftest" / "testdata"))
from gen_torch import pixels, weights  # noqa: E402

SCOPE = "export"
IMAGES, SIZE, DIM = 2, 64, 128
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class MoCo(torch.nn.Module):
    """The parameters and buffers of facebookresearch/moco's module of this name, for its state_dict."""

    def __init__(self, arch, head, dim, keys):
        super().__init__()
        self.encoder_q, self.encoder_k = network(arch, head, dim), network(arch, head, dim)
        self.encoder_k.requires_grad_(False)
        self.register_buffer("queue", torch.nn.functional.normalize(torch.randn(dim, keys), dim=0))
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))


def network(arch, head, dim):
    net = getattr(torchvision.models, arch)(num_classes=dim)
    if head == "mlp":
        width = net.fc.in_features
        net.fc = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU(), net.fc)
    return net


class Wrapped(torch.nn.Module):
    """What DistributedDataParallel does to names."""

    def __init__(self, module):
        super().__init__()
        self.module = module


def encoder(arch, head="linear"):
    """A torchvision ResNet with MoCo's head and the formula's weights, in eval mode."""
    net = network(arch, head, DIM)
    state = net.state_dict()
    for name, value in state.items():
        if not name.endswith("num_batches_tracked"):
            value.copy_(weights(SCOPE, name, tuple(value.shape)))
    net.load_state_dict(state)
    return net.eval()


def images(dtype=torch.float32):
    """Normalised images, [N, 3, SIZE, SIZE]."""
    x = pixels(SCOPE, IMAGES, SIZE).to(dtype) / 255
    x = (x - torch.tensor(MEAN, dtype=dtype)) / torch.tensor(STD, dtype=dtype)
    return x.permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def outputs(net, x):
    """The trunk's features and the head's projections, the latter normalised."""
    head, net.fc = net.fc, torch.nn.Identity()
    features = net(x)
    net.fc = head
    return features, torch.nn.functional.normalize(head(features), dim=1)


def main():
    recorded = []
    for arch in ("resnet18", "resnet50"):
        exact = outputs(encoder(arch).double(), images(torch.float64))
        single = outputs(encoder(arch), images())
        recorded.append({
            "arch": arch,
            "features": [float(f"{v:.8g}") for v in exact[0].flatten().tolist()],
            "projections": [float(f"{v:.8g}") for v in exact[1].flatten().tolist()],
            "float32": max(float((a - b).norm() / b.norm()) for a, b in zip(single, exact)),
        })
        print(arch, "float32 is within", recorded[-1]["float32"])
    names = {}
    for head in ("linear", "mlp"):
        state = Wrapped(MoCo("resnet50", head, DIM, 10)).state_dict()
        lines = "".join(f"{name} {'x'.join(map(str, value.shape))}\n" for name, value in state.items())
        names[head] = {"tensors": len(state), "sha256": hashlib.sha256(lines.encode()).hexdigest()}
        print("MoCo of ResNet-50,", head, "head:", names[head])
    text = {"torch": torch.__version__, "torchvision": torchvision.__version__, "numpy": np.__version__, "models": recorded, "moco": names}
    (HERE / "features.json").write_text(json.dumps(text, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
