"""Times MoCo's training step in PyTorch (case["what"] is "step"), or an epoch's steps, with the views made on the host
("epoch"): see clock.py for what it is told and answers."""
import itertools

import clock

try:
    import torch
    import torchvision
except ImportError as absent:
    clock.missing(absent)

import torch_moco
import torch_net
import torch_views

VARIANTS = {  # memory layout, BatchNorm, torch.compile
    "contiguous": (torch.contiguous_format, torch_net.ChunkedNorm, False),
    "folded-groups": (torch.contiguous_format, torch_net.FoldedNorm, False),
    "channels-last": (torch.channels_last, torch_net.ChunkedNorm, False),
    "channels-last+compile": (torch.channels_last, torch_net.GroupedNorm, True),
}


def steps(case, step, start):
    """The step on images that are only scaled: from uint8 [N,S,S,3] on the host, both views alike."""
    def plain(images):
        x = images.to(step.device, non_blocking=True).permute(0, 3, 1, 2).contiguous(memory_format=step.layout)
        x = x.float().mul_(2 / 255).sub_(1)
        return step(x, x)
    return clock.run(case, plain, itertools.repeat(torch.from_numpy(start["images"].copy())))


def epoch(case, step):
    """The step on views from the loader."""
    def drawn(views):
        return step(*(v.to(step.device, non_blocking=True) for v in views))
    return clock.run(case, drawn, torch_views.loader(case))


def main():
    case = clock.case()
    layout, norm, compiled = VARIANTS[case["variant"]]
    cuda = case["device"] == "cuda"
    if cuda and not torch.cuda.is_available():
        clock.missing(f"torch {torch.__version__} sees no CUDA device")
    if layout == torch.channels_last and case["width"] < 8:
        clock.missing("channels last, PyTorch's backward pass of nets narrower than 8 corrupts memory")
    torch.manual_seed(case["seed"])
    torch.set_num_threads(case["threads"])
    exact = case["precision"] == "float32"  # mocotpu's float32 is; PyTorch's convolutions on a GPU are TF32 unless told
    torch.set_float32_matmul_precision("highest" if exact else "high")
    torch.backends.cudnn.allow_tf32 = not exact
    start = clock.start(case["start"])
    step = torch_moco.Step(case, start, layout, norm, compiled)
    measured = steps(case, step, start) if case["what"] == "step" else epoch(case, step)
    clock.answer(versions={"torch": torch.__version__, "torchvision": torchvision.__version__},
                 device_bytes=torch.cuda.max_memory_allocated() if cuda else 0, **measured)


if __name__ == "__main__":
    main()
