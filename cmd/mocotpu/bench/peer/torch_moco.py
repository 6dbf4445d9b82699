"""One training step of MoCo in PyTorch.

The algorithm is that of facebookresearch/moco (moco/builder.py): query, momentum update, shuffled keys, InfoNCE over the
queue, enqueue, SGD; on one device, with the BatchNorm groups of the reference's GPUs as parts of the batch.
"""
import contextlib
import math

import torch
import torch.nn.functional as F

import torch_net


def shuffle_order(case):
    """Row i of the shuffled batch is row order[i]: the groups of a set exchange equal parts, as in mocotpu."""
    n, groups = case["batch"], case["groups"]
    s = math.gcd(groups, n // groups) if case["shuffle"] else 1
    return torch.arange(n).reshape(groups // s, s, s, n // groups // s).transpose(1, 2).reshape(n)


class Step:
    """The state of a training, and one step of it as a call. layout is a memory format of torch, norm a class of
    torch_net."""

    def __init__(self, case, start, layout, norm, compiled):
        self.case, self.layout = case, layout
        self.device = torch.device(case["device"])
        self.f_q, self.f_k = (torch_net.encoder(case, norm) for _ in range(2))
        for net in self.f_q, self.f_k:
            torch_net.load(net, start)
            net.to(self.device, memory_format=layout).train()
        self.params_q, self.params_k = list(self.f_q.parameters()), list(self.f_k.parameters())
        self.queue = torch.from_numpy(start["queue"].copy()).to(self.device)
        self.pointer = 0
        self.sgd = torch.optim.SGD(self.params_q, case["lr"], momentum=case["sgd_momentum"],
                                   weight_decay=case["weight_decay"], foreach=True)
        n = case["batch"]
        rows, keys = self.f_q.bn1.rows(n), shuffle_order(case)
        self.rows_q = None if rows is None else rows.to(self.device)
        self.rows_k = (keys if rows is None else keys[rows]).to(self.device)
        self.labels = torch.zeros(n, dtype=torch.long, device=self.device)
        if compiled:
            self.f_q, self.f_k = torch.compile(self.f_q), torch.compile(self.f_k)

    def __call__(self, view1, view2):
        """One step over two views of a batch, float32 [N,3,S,S] on the device; returns the loss."""
        symmetric = self.case["symmetric"]
        q = self.encode(self.f_q, view1, self.rows_q)
        q_swapped = self.encode(self.f_q, view2, self.rows_q) if symmetric else None
        with torch.no_grad():
            torch._foreach_lerp_(self.params_k, self.params_q, 1 - self.case["key_momentum"])
            k = self.encode(self.f_k, view2, self.rows_k)
        loss = self.contrast(q, k)
        if symmetric:
            with torch.no_grad():
                k_swapped = self.encode(self.f_k, view1, self.rows_k)
            loss = loss + self.contrast(q_swapped, k_swapped)
            k = torch.cat([k_swapped, k])
        self.sgd.zero_grad()
        loss.backward()
        self.sgd.step()
        self.enqueue(k)
        return loss.item()

    def encode(self, net, x, rows):
        """The unit projections of the views, in batch order; the net sees them in the order of rows."""
        if rows is not None:
            x = x[rows]
        low = contextlib.nullcontext()
        if self.case["precision"] == "bfloat16":
            low = torch.autocast(self.device.type, torch.bfloat16)
        with low:
            z = net(x.contiguous(memory_format=self.layout))
        z = F.normalize(z.float(), dim=1)
        return z if rows is None else z[torch.argsort(rows)]

    def contrast(self, q, k):
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ self.queue.T], dim=1)
        return F.cross_entropy(logits / self.case["temperature"], self.labels)

    @torch.no_grad()
    def enqueue(self, keys):
        size = len(self.queue)
        self.queue[(self.pointer + torch.arange(len(keys), device=self.device)) % size] = keys
        self.pointer = (self.pointer + len(keys)) % size
