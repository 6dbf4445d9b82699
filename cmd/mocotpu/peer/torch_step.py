"""Times one training step of MoCo in PyTorch: what `mocotpu bench step` compares its own step with.

    python torch_step.py '{"arch": "resnet18", ...}'

The algorithm is that of facebookresearch/moco (moco/builder.py): query, momentum update, shuffled keys, InfoNCE
over the queue, enqueue, SGD; on one device, with the BatchNorm groups of the reference's GPUs as contiguous parts of
the batch. A step begins with uint8 images and ends with the new state. Views are the images, only scaled: decoding
and augmentation are not timed. Each variant runs one step to warm up, then the timed ones.

Prints one JSON object: the versions and each variant's times in milliseconds, or {"missing": why} where torch or
torchvision cannot be imported.
"""
import contextlib
import functools
import json
import math
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    import torchvision
    from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
except ImportError as missing:
    print(json.dumps({"missing": str(missing)}))
    sys.exit(0)

ARCHS = {
    "resnet10": (BasicBlock, (1, 1, 1, 1)),
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


class ChunkedNorm(torch.nn.BatchNorm2d):
    """BatchNorm over contiguous groups of the batch, one call a group; running statistics are the groups' mean."""

    def __init__(self, channels, groups):
        super().__init__(channels)
        self.groups = groups

    def forward(self, x):
        if self.groups == 1:
            return super().forward(x)
        mean, var = self.running_mean.repeat(self.groups, 1), self.running_var.repeat(self.groups, 1)
        parts = [F.batch_norm(part, mean[g], var[g], self.weight, self.bias, True, self.momentum, self.eps)
                 for g, part in enumerate(x.chunk(self.groups))]
        self.running_mean.copy_(mean.mean(0))
        self.running_var.copy_(var.mean(0))
        return torch.cat(parts)


class FoldedNorm(ChunkedNorm):
    """The same for a batch whose rows go round the groups, in one call and without a copy: the groups' images become
    channels of their own."""

    def forward(self, x):
        n, c, h, w = x.shape
        g = self.groups
        mean, var = self.running_mean.repeat(g), self.running_var.repeat(g)
        y = F.batch_norm(x.reshape(n // g, g * c, h, w), mean, var, self.weight.repeat(g), self.bias.repeat(g),
                         True, self.momentum, self.eps)
        self.running_mean.copy_(mean.view(g, c).mean(0))
        self.running_var.copy_(var.view(g, c).mean(0))
        return y.view(n, c, h, w)


VARIANTS = {
    "contiguous": (torch.contiguous_format, ChunkedNorm),
    "contiguous, folded groups": (torch.contiguous_format, FoldedNorm),
    "channels last": (torch.channels_last, ChunkedNorm),
}


def variants(case):
    """The variants that PyTorch can run: channels last, its backward pass of narrower nets corrupts memory."""
    return {name: v for name, v in VARIANTS.items() if v[0] != torch.channels_last or case["width"] >= 8}


def encoder(case, norm):
    """torchvision's ResNet with the case's width, stem and head."""
    block, blocks = ARCHS[case["arch"]]
    norm = functools.partial(norm, groups=case["groups"])
    width, dim = case["width"], case["dim"]
    net = ResNet(block, blocks, num_classes=dim, norm_layer=norm)
    net.inplanes = width
    for stage, n in enumerate(blocks):
        setattr(net, f"layer{stage + 1}", net._make_layer(block, width << stage, n, stride=2 if stage else 1))
    net.bn1 = norm(width)
    if case["stem"] == "small":
        net.conv1 = torch.nn.Conv2d(3, width, 3, 1, 1, bias=False)
        net.maxpool = torch.nn.Identity()
    else:
        net.conv1 = torch.nn.Conv2d(3, width, 7, 2, 3, bias=False)
    features = 8 * width * block.expansion
    net.fc = torch.nn.Linear(features, dim)
    if case["head"] == "mlp":
        net.fc = torch.nn.Sequential(torch.nn.Linear(features, features), torch.nn.ReLU(), net.fc)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net


def shuffle_order(case):
    """Row i of the shuffled batch is row order[i]: the groups of a set exchange equal parts, as in mocotpu."""
    n, groups = case["batch"], case["groups"]
    s = math.gcd(groups, n // groups) if case["shuffle"] else 1
    return torch.arange(n).reshape(groups // s, s, s, n // groups // s).transpose(1, 2).reshape(n)


class Step:
    """The state of a training, and one step of it as a call."""

    def __init__(self, case, layout, norm):
        self.case, self.layout = case, layout
        self.device = torch.device(case["device"])
        torch.manual_seed(case["seed"])
        self.f_q, self.f_k = (encoder(case, norm).to(self.device, memory_format=layout).train() for _ in range(2))
        self.f_k.load_state_dict(self.f_q.state_dict())
        self.params_q, self.params_k = list(self.f_q.parameters()), list(self.f_k.parameters())
        self.queue = F.normalize(torch.randn(case["queue"], case["dim"], device=self.device), dim=1)
        self.pointer = 0
        self.sgd = torch.optim.SGD(self.params_q, case["lr"], momentum=case["sgd_momentum"],
                                   weight_decay=case["weight_decay"], foreach=True)
        n, groups = case["batch"], case["groups"]
        rows = torch.arange(n)
        if norm is FoldedNorm:
            rows = rows.view(groups, n // groups).T.reshape(n)
        self.rows_q, self.rows_k = (r.to(self.device) for r in (rows, shuffle_order(case)[rows]))
        self.labels = torch.zeros(n, dtype=torch.long, device=self.device)

    def __call__(self, images):
        """One step over uint8 images [N,H,W,3]; returns the loss."""
        q = self.encode(self.f_q, images, self.rows_q)
        q_swapped = self.encode(self.f_q, images, self.rows_q) if self.case["symmetric"] else None
        with torch.no_grad():
            torch._foreach_lerp_(self.params_k, self.params_q, 1 - self.case["key_momentum"])
            k = self.encode(self.f_k, images, self.rows_k)
        loss = self.contrast(q, k)
        if self.case["symmetric"]:
            with torch.no_grad():
                k_swapped = self.encode(self.f_k, images, self.rows_k)
            loss = loss + self.contrast(q_swapped, k_swapped)
            k = torch.cat([k_swapped, k])
        self.sgd.zero_grad()
        loss.backward()
        self.sgd.step()
        self.enqueue(k)
        return loss.item()

    def encode(self, net, images, rows):
        """The unit projections of the views, in batch order; the net sees them in the order of rows."""
        x = images[rows].permute(0, 3, 1, 2).contiguous(memory_format=self.layout)
        x = x.float().mul_(2 / 255).sub_(1)
        low = contextlib.nullcontext()
        if self.case["precision"] == "bfloat16":
            low = torch.autocast(self.device.type, torch.bfloat16)
        with low:
            z = net(x)
        return F.normalize(z.float(), dim=1)[torch.argsort(rows)]

    def contrast(self, q, k):
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ self.queue.T], dim=1)
        return F.cross_entropy(logits / self.case["temperature"], self.labels)

    @torch.no_grad()
    def enqueue(self, keys):
        size = len(self.queue)
        self.queue[(self.pointer + torch.arange(len(keys), device=self.device)) % size] = keys
        self.pointer = (self.pointer + len(keys)) % size


def measure(case, layout, norm):
    """The first step's loss, and the times of the later steps in milliseconds."""
    step, times = Step(case, layout, norm), []
    shape = (case["batch"], case["image_size"], case["image_size"], 3)
    for i in range(case["repeat"] + 1):
        images = torch.randint(0, 256, shape, dtype=torch.uint8).to(step.device)
        start = time.perf_counter()
        loss = step(images)
        if step.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
        if i == 0:
            first = loss
    return {"loss": first, "ms": times[1:]}


def main():
    case = json.loads(sys.argv[1])
    if case["device"] == "cuda" and not torch.cuda.is_available():
        print(json.dumps({"missing": f"torch {torch.__version__} sees no CUDA device"}))
        return
    torch.set_num_threads(case["threads"])
    measured = [{"name": name, **measure(case, *variant)} for name, variant in variants(case).items()]
    print(json.dumps({"torch": torch.__version__, "torchvision": torchvision.__version__, "variants": measured}))


if __name__ == "__main__":
    main()
