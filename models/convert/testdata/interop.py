"""Runs what mocotpu exports in the real libraries, and prints what came out:

    make interop

or, with the requirements of interop.txt installed: python models/convert/testdata/interop.py MOCOTPU [FOLDER]

Encoders with the formula's weights (gen_features.py) and one that mocotpu trains for a few steps go through
`mocotpu import` and `mocotpu export`; the features of fixed images in torchvision (float64) are what every library's are
compared with. It ends with an error where one is further away than TOLERANCE.
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
import safetensors.numpy
import safetensors.torch
import torch
import torchvision
from jax._src.lib import xla_client

import gen_features as gen
from gen_features import MoCo, Wrapped, network

TOLERANCE = 1e-4
rows = []


def report(what, library, check, difference=None):
    """A row of the table; difference is the largest absolute one of the features."""
    rows.append((what, library, check, "-" if difference is None else f"{difference:.1e}"))
    if difference is not None and not difference < TOLERANCE:
        rows.append(("", "", f"FAILED: want less than {TOLERANCE}", ""))


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


def trained(mocotpu, folder, arch, head):
    def call(*args):
        print("$ mocotpu", *args)
        subprocess.run([mocotpu, *args], cwd=folder, check=True)

    call("train", f"--dir=run-{arch}", "--backend=cpu", f"--arch={arch}", "--width=64", "--stem=imagenet", f"--head={head}",
         "--dim=128", "--image-size=32", "--train-images=32", "--batch=16", "--bn-groups=2", "--queue=64", "--epochs=1", "--knn-every=0")
    call("export", f"run-{arch}", "--format=moco", f"--out={arch}.pth.tar", "--force")
    call("export", f"run-{arch}", f"--out={arch}.run.st", "--force")
    run_moco(f"a run of {arch}, {head} head", folder / f"{arch}.pth.tar", arch, head, folder / f"{arch}.run.st")


def main(mocotpu, folder):
    torch.manual_seed(0)
    for arch, head in (("resnet18", "linear"), ("resnet50", "mlp")):
        formula(mocotpu, folder, arch, head)
    for head in ("linear", "mlp"):
        trained(mocotpu, folder / head, "resnet18", head)
    print("\n| encoder | library | check | largest difference |\n|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    if any("FAILED" in row[2] for row in rows):
        sys.exit(f"a library's features are further than {TOLERANCE} from torchvision's")


if __name__ == "__main__":
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as temporary:
        target = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else temporary)
        for part in ("linear", "mlp"):
            (target / part).mkdir(parents=True, exist_ok=True)
        main(binary, target)
