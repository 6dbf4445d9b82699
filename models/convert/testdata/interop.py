"""Runs what mocotpu exports in the real libraries, and prints what came out:

    make interop

or, with the requirements of interop.txt installed: python models/convert/testdata/interop.py MOCOTPU [FOLDER]

Encoders with the formula's weights (gen_features.py) and one that mocotpu trains for a few steps go through
`mocotpu import` and `mocotpu export`; the features of fixed images in torchvision (float64) are what every library's are
compared with. Checkpoints of PyTorch's (gen_checkpoint.py) go through a run and back, and PyTorch steps on from both. It
ends with an error where something is further away than TOLERANCE, or CLOSE.
"""
import json
import pathlib
import pickle
import subprocess
import sys
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import PIL.Image
import safetensors.numpy
import safetensors.torch
import tifffile
import timm
import torch
import torchvision
from jax._src.lib import xla_client

import gen_features as gen
from gen_features import MoCo, Wrapped, network

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "train" / "testdata"))
import gen_checkpoint  # noqa: E402

TOLERANCE = 1e-4
CLOSE = 3e-6  # for timm, whose ResNets are torchvision's
rows = []


def report(what, library, check, difference=None, tolerance=TOLERANCE):
    """A row of the table; difference is the largest absolute one of the features."""
    rows.append((what, library, check, "-" if difference is None else f"{difference:.1e}"))
    if difference is not None and not difference < tolerance:
        rows.append(("", "", f"FAILED: want less than {tolerance}", ""))


def furthest(got, want):
    return max(float(np.abs(np.asarray(g, np.float64) - np.asarray(w, np.float64)).max()) for g, w in zip(got, want, strict=True))


def run_torchvision(title, path, arch, head, want, inputs):
    state = safetensors.torch.load_file(path)
    net = network(arch, head, want[1].shape[1])
    print(net.load_state_dict(state, strict=True))
    report(title, f"torchvision {torchvision.__version__}", f"load_state_dict strict, {len(state)} tensors",
           furthest(gen.outputs(net.eval(), inputs), want))


def run_bfloat16(title, path, arch, head, want, inputs):
    net = network(arch, head, want[1].shape[1])
    net.load_state_dict(safetensors.torch.load_file(path), strict=True)
    got = gen.outputs(net.eval(), inputs)
    relative = max(float((g - w).norm() / w.norm()) for g, w in zip(got, want))
    report(title, f"torchvision {torchvision.__version__}", f"strict; rounding moves the features by {relative:.1%}")


def run_onnx(title, path, want, inputs):
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    opset = onnx.load(path, load_external_data=False).opset_import[0].version
    names = [o["name"] for o in json.loads(pathlib.Path(path + ".json").read_text())["outputs"]]
    got = session.run(names, {"images": inputs.numpy()})
    report(title, f"onnxruntime {onnxruntime.__version__}", f"checker of onnx {onnx.__version__}, opset {opset}", furthest(got, want))
    one = session.run(names, {"images": inputs[:1].numpy()})
    report(title, f"onnxruntime {onnxruntime.__version__}", "a batch of another size", furthest(one, [w[:1] for w in want]))


def run_jax(title, path, want):
    manifest = json.loads(pathlib.Path(path + ".json").read_text())
    weights = safetensors.numpy.load_file(path + ".safetensors")
    device = jax.devices("cpu")[0]
    program = device.client.compile_and_load(
        pathlib.Path(path).read_text(), xla_client.DeviceList((device,)), xla_client.CompileOptions())
    images = gen.pixels(gen.SCOPE, gen.IMAGES, gen.SIZE).numpy()
    arguments = [jnp.asarray(images)] + [jnp.asarray(weights[name]) for name in manifest["weights"]]
    got = program.execute_sharded(arguments).consume_with_handlers([lambda buffers: np.asarray(buffers[0])] * len(want))
    report(title, f"JAX {jax.__version__}", f"XLA compiles the text, {len(arguments)} arguments, uint8 images", furthest(got, want))


def run_detectron2(title, path, net):
    """Reads the file as detectron2's checkpointer does; the arrays must be the network's."""
    with open(path, "rb") as f:
        data = pickle.load(f, encoding="latin1")
    assert data["__author__"] == "MOCO" and data["matching_heuristics"] is True
    model, want = data["model"], {k: v for k, v in net.state_dict().items() if not k.startswith("fc.")}
    assert len(model) == len(want)
    for name, value in want.items():  # facebookresearch/moco's converter
        if "layer" not in name:
            name = "stem." + name
        for t in (1, 2, 3, 4):
            name = name.replace(f"layer{t}", f"res{t + 1}")
        for t in (1, 2, 3):
            name = name.replace(f"bn{t}", f"conv{t}.norm")
        name = name.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")
        if not name.endswith("num_batches_tracked"):
            assert np.array_equal(model[name], value.numpy()), name
        assert torch.as_tensor(model[name]).shape == value.shape, name
    report(title, "NumPy, by detectron2's names", f"{len(model)} arrays, equal bit for bit", 0.0)


def run_timm(title, mocotpu, folder, want, inputs, mode="RGB"):
    """timm makes the model of the folder alone, and its transform makes of an image what mocotpu embed makes of it."""
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    with torch.no_grad():
        report(title, f"timm {timm.__version__}", 'create_model("local-dir:...")', furthest([model(inputs)], want[:1]), CLOSE)
    picture = folder / ".." / "picture.png"
    pixels = np.repeat(gen.pixels("picture", 1, 24).numpy()[0], [1, 2] * 12, axis=0)  # 36 x 24
    PIL.Image.fromarray(pixels).convert(mode).save(picture)
    subprocess.run([mocotpu, "embed", str(picture), f"--encoder={folder}", "--backend=go", "--out=picture.npy", "--force"], cwd=folder / "..", check=True)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    with torch.no_grad():
        want = model.double()(transform(PIL.Image.open(picture).convert(mode)).unsqueeze(0).double())
    report(title, f"timm {timm.__version__}", "its transform of a picture, and mocotpu embed", furthest([np.load(folder / ".." / "picture.npy")], [want]))


def through_timm(mocotpu, folder, name, net):
    """A network with the weights of the formula is imported, and exported for timm into the folder that is returned."""
    net.load_state_dict({
        name: value if name.endswith("num_batches_tracked") else gen.weights(gen.SCOPE, name, tuple(value.shape))
        for name, value in net.state_dict().items()})
    safetensors.torch.save_file(net.state_dict(), folder / f"{name}.in")
    for args in (["import", f"{name}.in", "--image-size=64", "--views=v1", f"--out={name}.safetensors"],
                 ["export", f"{name}.safetensors", "--format=timm", f"--out={name}-timm"]):
        subprocess.run([mocotpu, *args, "--force"], cwd=folder, check=True)
    return folder / f"{name}-timm"


def gray(mocotpu, folder):
    """A network that reads one channel is one of timm's with in_chans=1."""
    net = network("resnet18", "linear", gen.DIM)
    net.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    exported = through_timm(mocotpu, folder, "gray", net)
    want = gen.outputs(net.double().eval(), gen.images(torch.float64)[:, :1])
    run_timm("resnet18, one channel", mocotpu, exported, want, gen.images()[:, :1], "L")


def small_stem(mocotpu, folder):
    """A network with the small stem goes into timm by the lines of its model card."""
    title = "resnet18, small stem"
    net = network("resnet18", "linear", gen.DIM)
    net.conv1, net.maxpool = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False), torch.nn.Identity()
    exported = through_timm(mocotpu, folder, "small", net)
    code = (exported / "README.md").read_text().split("```python")[1].split("```")[0]
    names = {"images": gen.images()}
    exec(code.replace('"model.safetensors"', f"{str(exported / 'model.safetensors')!r}"), names)
    want = gen.outputs(net.double().eval(), gen.images(torch.float64))
    report(title, f"timm {timm.__version__}", "by the lines of its model card", furthest([names["features"].detach()], want[:1]), CLOSE)


def resumed(mocotpu, folder, version):
    """A checkpoint of PyTorch's goes through a run of mocotpu and back: the same tensors, and the same steps after it."""
    case = gen_checkpoint.CASES[version]
    before, run, after = gen_checkpoint.HERE / f"checkpoint_{version}.pth.tar", f"resumed-{version}", f"resumed-{version}.pth.tar"
    flags = {key: case[key] for key in ("arch", "width", "stem", "head", "dim", "temperature", "lr", "schedule", "batch")} | {
        "image-size": case["image_size"], "queue": case["queue_len"], "bn-groups": case["groups"], "key-momentum": case["key_momentum"],
        "sgd-momentum": case["sgd_momentum"], "weight-decay": case["weight_decay"], "epochs": case["done"], "knn-every": 0,
        "train-images": case["batch"] * case["steps_per_epoch"]}
    if case["milestones"]:
        flags["milestones"] = ",".join(map(str, case["milestones"]))
    for args in (["train", f"--resume-from={before}", f"--dir={run}", "--backend=go", *(f"--{k}={v}" for k, v in flags.items())],
                 ["export", run, "--format=moco", f"--out={after}"]):
        print("$ mocotpu", *args)
        subprocess.run([mocotpu, *args], cwd=folder, check=True)
    want, got = (torch.load(path, map_location="cpu", weights_only=True) for path in (before, folder / after))
    same = list(want["state_dict"]) == list(got["state_dict"]) or sorted(want["state_dict"]) == sorted(got["state_dict"])
    same = same and all(torch.equal(t, got["state_dict"][name]) for name, t in want["state_dict"].items())
    buffers = [{n: s["momentum_buffer"] for n, s in c["optimizer"]["state"].items()} for c in (want, got)]
    same = same and want["epoch"] == got["epoch"] and all(torch.equal(b, buffers[1][n]) for n, b in buffers[0].items())
    title = f"a checkpoint of PyTorch's, {version}, gone on from"
    report(title, f"torch {torch.__version__}", f"{len(want['state_dict'])} tensors and {len(buffers[0])} buffers are the same: {same}", 0.0 if same else 1.0)
    losses = [gen_checkpoint.after(case, path, torch.float64)[0] for path in (before, folder / after)]
    report(title, f"torch {torch.__version__}", f"steps on from it, {len(losses[0])} losses", max(abs(a - b) for a, b in zip(*losses)))


def run_moco(title, path, arch, head, encoder):
    """A checkpoint of a run: the module takes it whole, and SGD its state; the query encoder is the exported one."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    state = checkpoint["state_dict"]
    dim, keys = state["module.queue"].shape
    module = Wrapped(MoCo(arch, head, dim, keys))
    print(module.load_state_dict(state, strict=True))
    sgd = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    sgd.load_state_dict(checkpoint["optimizer"])
    module.train()
    torch.nn.functional.normalize(module.module.encoder_q(gen.images()), dim=1).sum().backward()
    sgd.step()
    report(title, f"torch {torch.__version__}", f"load_state_dict strict, {len(state)} tensors; SGD's state, and a step")
    exported = safetensors.torch.load_file(encoder)
    same = all(torch.equal(exported[name], state["module.encoder_q." + name]) for name in exported)
    report(title, f"torch {torch.__version__}", f"query encoder equals the safetensors export: {same}", 0.0 if same else 1.0)


def formula(mocotpu, folder, arch, head):
    def call(*args):
        print("$ mocotpu", *args)
        subprocess.run([mocotpu, *args], cwd=folder, check=True)

    title = f"{arch}, {head} head"
    net = gen.encoder(arch, head)
    want = [w.numpy() for w in gen.outputs(gen.encoder(arch, head).double(), gen.images(torch.float64))]
    want = [torch.from_numpy(w) for w in want]
    inputs = gen.images()
    if head == "mlp":  # comes as facebookresearch/moco saves it, in the format of its time
        module = Wrapped(MoCo(arch, head, gen.DIM, 64))
        module.module.encoder_q.load_state_dict(net.state_dict())
        torch.save({"epoch": 200, "arch": arch, "state_dict": module.state_dict(), "optimizer": {}},
                   folder / f"{arch}.in", _use_new_zipfile_serialization=False)
    else:
        safetensors.torch.save_file(net.state_dict(), folder / f"{arch}.in")
    call("import", f"{arch}.in", f"--image-size={gen.SIZE}", f"--out={arch}.safetensors", "--force")
    call("export", f"{arch}.safetensors", f"--out={arch}.st", "--force")
    call("export", f"{arch}.safetensors", f"--out={arch}.bf16", "--dtype=bfloat16", "--force")
    call("export", f"{arch}.safetensors", f"--out={arch}.onnx", "--format=onnx", "--force")
    call("export", f"{arch}.safetensors", f"--out={arch}.pkl", "--format=detectron2", "--force")
    call("export", f"{arch}.safetensors", f"--out={arch}.mlir", "--format=stablehlo", f"--batch={gen.IMAGES}", "--backend=cpu", "--force")
    run_torchvision(title, folder / f"{arch}.st", arch, head, want, inputs)
    run_bfloat16(title + ", bfloat16", folder / f"{arch}.bf16", arch, head, want, inputs)
    run_onnx(title, str(folder / f"{arch}.onnx"), want, inputs)
    run_jax(title, str(folder / f"{arch}.mlir"), want)
    run_detectron2(title, folder / f"{arch}.pkl", net)
    call("export", f"{arch}.safetensors", f"--out={arch}-timm", "--format=timm", "--license=mit", "--force")
    run_timm(title, mocotpu, folder / f"{arch}-timm", want, inputs)


def trained(mocotpu, folder, arch, head):
    def call(*args):
        print("$ mocotpu", *args)
        subprocess.run([mocotpu, *args], cwd=folder, check=True)

    call("train", f"--dir=run-{arch}", "--backend=cpu", f"--arch={arch}", "--width=64", "--stem=imagenet", f"--head={head}",
         "--dim=128", "--image-size=32", "--train-images=32", "--batch=16", "--bn-groups=2", "--queue=64", "--epochs=1", "--knn-every=0")
    call("export", f"run-{arch}", "--format=moco", f"--out={arch}.pth.tar", "--force")
    call("export", f"run-{arch}", f"--out={arch}.run.st", "--force")
    run_moco(f"a run of {arch}, {head} head", folder / f"{arch}.pth.tar", arch, head, folder / f"{arch}.run.st")


def scans(mocotpu, folder):
    """A folder of 16-bit TIFFs trains on one channel; ONNX Runtime, given numpy's and Pillow's pixels, has the features of embed."""
    rng = np.random.default_rng(0)
    for split, images in (("train", 24), ("val", 8)):
        for label in range(2):
            where = folder / "scans" / split / "ab"[label]
            where.mkdir(parents=True, exist_ok=True)
            for i in range(images):
                waves = 900 + 500 * np.sin(np.arange(24) * (0.3 + 0.5 * label) + i) + 100 * rng.random((20, 24))
                tifffile.imwrite(where / f"{i:02}.tif", waves.astype(np.uint16), photometric="minisblack")
    for args in (["train", "--preset=imagenet-mini", "--data=scans", "--channels=1", "--window=1%,99%", "--arch=resnet18", "--width=8",
                  "--stem=small", "--head=linear", "--dim=16", "--image-size=32", "--canvas=32", "--batch=16", "--bn-groups=2", "--queue=32",
                  "--epochs=2", "--knn-every=1", "--knn-ks=1,5", "--backend=go", "--dir=run-scans"],
                 ["eval", "run-scans", "--backend=go", "--protocols=knn"],
                 ["export", "run-scans", "--format=onnx", "--out=scans.onnx", "--force"],
                 ["embed", "scans/val", "--encoder=run-scans", "--backend=go", "--out=scans.npy", "--force"]):
        print("$ mocotpu", *args)
        subprocess.run([mocotpu, *args], cwd=folder, check=True)
    manifest = json.loads((folder / "scans.onnx.json").read_text())["encoder"]["input"]
    low, high, size = manifest["window"]["low"], manifest["window"]["high"], manifest["image_size"]
    images = []
    for name in json.loads((folder / "scans.npy.json").read_text())["names"]:
        samples = tifffile.imread(folder / name).astype(np.float64)
        levels = np.clip(np.floor(255 * (samples - low) / (high - low) + 0.5), 0, 255).astype(np.uint8)
        squeezed = PIL.Image.fromarray(levels).resize((size, size), PIL.Image.Resampling.BILINEAR)
        images.append((np.asarray(squeezed)[None] / 255 - manifest["mean"][0]) / manifest["std"][0])
    path = str(folder / "scans.onnx")
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    got = session.run(["features"], {"images": np.stack(images).astype(np.float32)})
    report(f"a run of resnet18 on 16-bit TIFFs, window {low} to {high}", f"onnxruntime {onnxruntime.__version__}",
           f"{session.get_inputs()[0].shape[1]} channel, by numpy, tifffile and Pillow, and mocotpu embed of the files", furthest(got, [np.load(folder / "scans.npy")]))


def main(mocotpu, folder):
    torch.manual_seed(0)
    for arch, head in (("resnet18", "linear"), ("resnet50", "mlp")):
        formula(mocotpu, folder, arch, head)
    small_stem(mocotpu, folder)
    gray(mocotpu, folder)
    scans(mocotpu, folder)
    for head in ("linear", "mlp"):
        trained(mocotpu, folder / head, "resnet18", head)
    for version in gen_checkpoint.CASES:
        resumed(mocotpu, folder, version)
    print("\n| encoder | library | check | largest difference |\n|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    if any("FAILED" in row[2] for row in rows):
        sys.exit("what came out is not what was exported: see the rows that failed")


if __name__ == "__main__":
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as temporary:
        target = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else temporary)
        for part in ("linear", "mlp"):
            (target / part).mkdir(parents=True, exist_ok=True)
        main(binary, target)
