"""torchvision's ResNet with MoCo's BatchNorm groups, and the stem, the width and the head of a case."""
import functools

import torch
import torch.nn.functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

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

    def rows(self, n):
        """The order in which the net wants the images of a batch of n; None is as they are."""
        return None

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
    """The same in one call and without a copy, as MoCo's CIFAR notebook does it: the batch's rows go round the groups,
    whose images become channels of their own."""

    def rows(self, n):
        return torch.arange(n).view(self.groups, n // self.groups).T.reshape(n)

    def forward(self, x):
        n, c, h, w = x.shape
        g = self.groups
        mean, var = self.running_mean.repeat(g), self.running_var.repeat(g)
        y = F.batch_norm(x.reshape(n // g, g * c, h, w), mean, var, self.weight.repeat(g), self.bias.repeat(g),
                         True, self.momentum, self.eps)
        self.running_mean.copy_(mean.view(g, c).mean(0))
        self.running_var.copy_(var.view(g, c).mean(0))
        return y.view(n, c, h, w)


class GroupedNorm(ChunkedNorm):
    """The same as arithmetic over all groups at once, for torch.compile: it is as fast as the compiled calls, and is
    compiled in less than half the time."""

    def forward(self, x):
        g, n = self.groups, len(x)
        y = x.float().unflatten(0, (g, n // g))
        var, mean = torch.var_mean(y, (1, 3, 4), correction=0, keepdim=True)
        count = y.numel() // (g * y.shape[2])
        with torch.no_grad():
            self.running_mean.lerp_(mean.mean(0).flatten(), self.momentum)
            self.running_var.lerp_(var.mean(0).flatten() * (count / (count - 1)), self.momentum)
        weight, bias = (p.view(1, 1, -1, 1, 1) for p in (self.weight, self.bias))
        y = (y - mean) * (torch.rsqrt(var + self.eps) * weight) + bias
        return y.flatten(0, 1).to(x.dtype)


def encoder(case, norm):
    """The net with torch's own initial values."""
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
    return net


def load(net, start):
    """Gives the net's parameters the values of a start, each of which it has."""
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            value = torch.from_numpy(start[name].copy())
            parameter.copy_(value.permute(3, 2, 0, 1) if value.dim() == 4 else value)
