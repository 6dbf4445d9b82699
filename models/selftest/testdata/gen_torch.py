"""Records what PyTorch makes of a few MoCo steps and encoder forwards, for models/selftest and the tests of
models/resnet. Needs torch and torchvision; they need neither:

    python models/selftest/testdata/gen_torch.py

It writes torch_v1.json, torch_v2.json and torch_resnet.json beside itself. The algorithm is
that of the MoCo papers and the reference implementation (facebookresearch/moco, and its CIFAR notebook for
split BatchNorm and the symmetric loss), except that BatchNorm's groups are contiguous.

Weights, images, view parameters and the queue are formulas over (name, index), the same bits as in
models/internal/parity/formula.go, so that only outcomes are recorded. Everything runs in float64; the distance
of a float32 run is recorded with each tensor, as a yardstick for the tests' tolerances.
"""
import functools
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

HERE = pathlib.Path(__file__).parent
PROJECTIONS = 8
SAMPLES = 6


# --- formulas -----------------------------------------------------------------------------------------------

def fnv32a(name):
    h = 0x811C9DC5
    for byte in name.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def mix(x):
    x = (x ^ x >> 16) * np.uint32(0x7FEB352D)
    x = (x ^ x >> 15) * np.uint32(0x846CA68B)
    return x ^ x >> 16


def hashes(name, n):
    index = np.arange(n, dtype=np.uint32)
    return mix(mix(index + np.uint32(0x9E3779B9)) ^ np.uint32(fnv32a(name)))


def uniform(name, n):
    return (hashes(name, n) >> 8).astype(np.float64) / (1 << 23) - 1


def weights(scope, name, shape):
    """BatchNorm's biases of about 1 and weights of about 0.4 keep its outputs off zero, where rounding would
    decide over a ReLU and two correct programs would differ by a hundredth in the gradient. Half of the bn1
    channels are off, with a bias of about -1; the others feed sums, where signs could cancel."""
    u = uniform(f"{scope}/{name}", math.prod(shape))
    if len(shape) == 4:
        u = u * math.sqrt(6 / (shape[0] * shape[2] * shape[3]))
    elif len(shape) == 2:
        u = u / math.sqrt(shape[1])
    elif name.endswith(".weight"):
        u = 0.4 + u / 16
    elif name.endswith(".running_var"):
        u = 1 + u / 4
    elif name.endswith(".running_mean") or name.startswith("fc"):
        u = u / 8
    elif "bn1." in name:
        u = u / 4 + np.where(u < 0, -0.75, 0.75)
    else:
        u = u / 4 + 1
    return torch.tensor(u.astype(np.float32).reshape(shape))


def pixels(name, n, size):
    side = (size + 3) // 4
    image, y, x, c = np.indices((n, size, size, 3))
    blocks = hashes(name + ".blocks", n * side * side * 3)[((image * side + y // 4) * side + x // 4) * 3 + c]
    noise = hashes(name + ".noise", n * size * size * 3).reshape(n, size, size, 3)
    return torch.tensor((blocks % 224 + noise % 32).astype(np.uint8))


def unit_rows(name, n, dim):
    rows = uniform(name, n * dim).reshape(n, dim)
    return torch.tensor((rows / np.sqrt((rows**2).sum(1, keepdims=True))).astype(np.float32))


def view(images, name, dtype):
    """The tests' view: uint8 / 255 * scale + offset, with a scale and an offset per image."""
    n = images.shape[0]
    scale = torch.tensor((1 + 0.3 * uniform(name + ".scale", n)).astype(np.float32)).to(dtype)
    offset = torch.tensor((0.3 * uniform(name + ".offset", n) - 0.5).astype(np.float32)).to(dtype)
    x = images.to(dtype) / 255 * scale[:, None, None, None] + offset[:, None, None, None]
    return x.permute(0, 3, 1, 2).contiguous()


# --- encoders -----------------------------------------------------------------------------------------------

class SplitBatchNorm(torch.nn.BatchNorm2d):
    """BatchNorm over contiguous groups of the batch; running statistics are the mean over the groups."""

    def __init__(self, channels, groups):
        super().__init__(channels)
        self.groups = groups

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        outputs, means, variances = [], [], []
        for part in x.chunk(self.groups):
            mean, variance = self.running_mean.clone(), self.running_var.clone()
            outputs.append(
                F.batch_norm(part, mean, variance, self.weight, self.bias, True, self.momentum, self.eps))
            means.append(mean)
            variances.append(variance)
        self.running_mean.copy_(torch.stack(means).mean(0))
        self.running_var.copy_(torch.stack(variances).mean(0))
        return torch.cat(outputs)


def narrow(width, dim, norm_layer):
    """torchvision's ResNet of one basic block per stage, with `width` channels in the first."""
    net = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1] * 4, dim, norm_layer=norm_layer)
    net.inplanes = width
    net.conv1 = torch.nn.Conv2d(3, width, 7, 2, 3, bias=False)
    net.bn1 = norm_layer(width)
    for stage in range(4):
        layer = net._make_layer(torchvision.models.resnet.BasicBlock, width << stage, 1, stride=min(stage, 1) + 1)
        setattr(net, f"layer{stage + 1}", layer)
    net.fc = torch.nn.Linear(width * 8, dim)
    return net


def encoder(arch, groups=1, stem="imagenet", head="linear", width=64, dim=128):
    norm_layer = functools.partial(SplitBatchNorm, groups=groups)
    if arch == "resnet10":
        net = narrow(width, dim, norm_layer)
    else:
        net = getattr(torchvision.models, arch)(num_classes=dim, norm_layer=norm_layer)
    if stem == "small":
        net.conv1 = torch.nn.Conv2d(3, width, 3, 1, 1, bias=False)
        net.maxpool = torch.nn.Identity()
    if head == "mlp":
        features = net.fc.in_features
        net.fc = torch.nn.Sequential(torch.nn.Linear(features, features), torch.nn.ReLU(), net.fc)
    return net


def state(net):
    return {name: t for name, t in net.state_dict().items() if not name.endswith("num_batches_tracked")}


def fill(net, scope, dtype):
    for name, tensor in state(net).items():
        tensor.copy_(weights(scope, name, tuple(tensor.shape)))
    return net.to(dtype)


# --- the step -----------------------------------------------------------------------------------------------

def shuffle_order(groups, n):
    """Row i of the key batch is row order[i]: a transpose of chunks among sets of s groups."""
    s = math.gcd(groups, n // groups)
    order = torch.arange(n).reshape(groups // s, s, s, n // groups // s)
    return order.transpose(1, 2).reshape(n)


def moco(case, dtype):
    """Runs the steps; returns each step's figures and the final tensors by name."""
    n, k, groups, temperature = case["batch"], case["queue_len"], case["groups"], case["temperature"]
    shape = {key: case[key] for key in ("arch", "groups", "stem", "head", "width", "dim")}
    f_q = fill(encoder(**shape), "query", dtype).train()
    f_k = fill(encoder(**shape), "key", dtype).train()
    queue, pointer = unit_rows("queue", k, case["dim"]).to(dtype), case["pointer"]
    optimizer = torch.optim.SGD(
        f_q.parameters(), case["lrs"][0], momentum=case["sgd_momentum"], weight_decay=case["weight_decay"])
    order = shuffle_order(groups, n)

    def contrast(im_q, im_k):
        """Loss, keys and figures of one pair of views."""
        q = F.normalize(f_q(im_q), dim=1)
        with torch.no_grad():
            keys = F.normalize(f_k(im_k[order]), dim=1)[torch.argsort(order)]
        logits = torch.cat([(q * keys).sum(1, keepdim=True), q @ queue.clone().T], dim=1)
        loss = F.cross_entropy(logits / temperature, torch.zeros(n, dtype=torch.long))
        rank = (logits[:, 1:] > logits[:, :1]).sum(1)
        figures = [(rank < 1).double().mean(), (rank < 5).double().mean(), logits[:, 0].mean(),
                   logits[:, 1:].mean()]
        return loss, keys, torch.stack([f.double() for f in figures]).detach()

    steps = []
    for step, lr in enumerate(case["lrs"]):
        images = pixels(f"images{step}", n, case["image_size"])
        view1, view2 = (view(images, f"view{v}.{step}", dtype) for v in (1, 2))
        with torch.no_grad():
            for p_q, p_k in zip(f_q.parameters(), f_k.parameters()):
                p_k.mul_(case["key_momentum"]).add_(p_q, alpha=1 - case["key_momentum"])
        loss1, keys, figures = contrast(view1, view2)
        loss, loss2 = loss1, torch.zeros(())
        if case["symmetric"]:
            loss2, keys1, figures2 = contrast(view2, view1)
            loss, figures = loss1 + loss2, (figures + figures2) / 2
            keys = torch.cat([keys1, keys])
        rows = (pointer + torch.arange(len(keys))) % k
        queue[rows] = keys
        pointer = (pointer + len(keys)) % k
        optimizer.zero_grad()
        loss.backward()
        norm = math.sqrt(sum(p.grad.double().square().sum().item() for p in f_q.parameters()))
        spread = keys.double().var(0, unbiased=False).mean().mul(case["dim"]).sqrt().item()
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        steps.append([loss.item(), *figures.tolist(), spread, norm, loss1.item(), loss2.item()])

    tensors = {}
    for scope, net in (("query", f_q), ("key", f_k)):
        tensors |= {f"{scope}/{name}": t for name, t in state(net).items()}
    for name, p in f_q.named_parameters():
        tensors[f"momentum/{name}"] = optimizer.state[p]["momentum_buffer"]
    tensors["queue"] = queue
    return steps, tensors, pointer


# --- recording ----------------------------------------------------------------------------------------------

def record(name, tensor, float32):
    x, y = (t.detach().double().flatten().numpy() for t in (tensor, float32))
    bits = hashes("sign/" + name, x.size)
    projections = [float((x * (1.0 - 2.0 * (bits >> p & 1))).sum()) for p in range(PROJECTIONS)]
    indices = sorted({int(i) for i in hashes("sample/" + name, SAMPLES) % x.size})
    norm = float(np.linalg.norm(x))
    return {
        "name": name, "dims": list(tensor.shape), "norm": digits(norm),
        "projections": [digits(p) for p in projections],
        "indices": indices, "samples": [digits(x[i]) for i in indices],
        "float32": digits(np.linalg.norm(x - y) / norm, 2),
    }


def digits(x, n=9):
    return float(f"{float(x):.{n}g}")


def records(tensors, float32):
    return [record(name, tensor, float32[name]) for name, tensor in tensors.items()]


def write(path, value):
    lines = [f" {json.dumps(k)}: " + listing(v) for k, v in value.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(path, path.stat().st_size, "bytes")


def listing(v):
    """One line per element of a list of objects, one line for anything else."""
    if isinstance(v, list) and v and isinstance(v[0], dict):
        return "[\n  " + ",\n  ".join(json.dumps(e) for e in v) + "\n ]"
    return json.dumps(v)


def write_moco(path, case):
    steps, tensors, pointer = moco(case, torch.float64)
    steps32, tensors32, _ = moco(case, torch.float32)
    write(path, {
        "config": case,
        "order": shuffle_order(case["groups"], case["batch"]).tolist(),
        "steps": [[digits(x) for x in step] for step in steps],
        "steps_float32": [[digits(x) for x in step] for step in steps32],
        "final_pointer": pointer,
        "tensors": records(tensors, tensors32),
    })


def forward(arch, size, batch, groups, dtype):
    """ResNet with the ImageNet stem: one forward in eval mode, then one in train mode."""
    net = fill(encoder(arch, groups=groups), "query", dtype)
    images = view(pixels("images0", batch, size), "view1.0", dtype)
    tensors = {}
    net.avgpool.register_forward_hook(lambda _m, _i, out: tensors.update({mode + ".features": out.flatten(1)}))
    for mode in ("eval", "train"):
        net.train(mode == "train")
        with torch.no_grad():
            tensors[mode + ".projection"] = F.normalize(net(images), dim=1)
    return tensors | {name: t for name, t in state(net).items() if ".running_" in name}


def write_resnet(path):
    case = {"arch": "resnet50", "size": 48, "batch": 4, "groups": 2}
    value = {"config": case, "tensors": records(
        forward(**case, dtype=torch.float64), forward(**case, dtype=torch.float32))}
    models = []
    for arch in ("resnet18", "resnet34", "resnet50"):
        for stem in ("imagenet", "small"):
            for head in ("linear", "mlp"):
                net = encoder(arch, stem=stem, head=head)
                models.append({
                    "arch": arch, "stem": stem, "head": head,
                    "parameters": sum(p.numel() for p in net.parameters()),
                    "trunk": sum(p.numel() for name, p in net.named_parameters() if not name.startswith("fc")),
                    "names": [name for name in state(net)],
                    "dims": ["x".join(map(str, t.shape)) for t in state(net).values()],
                })
    value["models"] = models
    write(path, value)


if __name__ == "__main__":
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    print("Hash of the formula's test:", hex(hashes("formula", 12346)[12345]))
    write_moco(HERE / "torch_v1.json", {
        "arch": "resnet18", "stem": "small", "head": "linear", "width": 64, "dim": 128, "image_size": 12,
        "batch": 16, "queue_len": 64, "groups": 2, "pointer": 32, "key_momentum": 0.999, "temperature": 0.07,
        "symmetric": False, "lrs": [0.002, 0.0015, 0.001], "sgd_momentum": 0.9, "weight_decay": 1e-4})
    write_moco(HERE / "torch_v2.json", {
        "arch": "resnet10", "stem": "imagenet", "head": "mlp", "width": 8, "dim": 32, "image_size": 33,
        "batch": 16, "queue_len": 40, "groups": 4, "pointer": 20, "key_momentum": 0.9, "temperature": 0.2,
        "symmetric": True, "lrs": [0.02], "sgd_momentum": 0.9, "weight_decay": 0.01})
    write_resnet(HERE / "torch_resnet.json")
