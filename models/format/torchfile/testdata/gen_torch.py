"""Records the files that torch.save makes, in both of its formats, for the tests of this folder's package. Needs torch:

    python models/format/torchfile/testdata/gen_torch.py

The value is the one that want() in torchfile_test.go returns.
"""
import collections
import pathlib

import torch

HERE = pathlib.Path(__file__).parent
base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
state = collections.OrderedDict()
state["weight"] = base[:2].clone()
state["part"] = base[1:3, 2:5]  # a view: offset 8, strides 6 and 1
state["turned"] = base.t()  # shares the storage
state["count"] = torch.tensor(1 << 40)
state["half"] = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
state["parameter"] = torch.nn.Parameter(torch.tensor([0.25]))
state._metadata = {"": {"version": 1}}
value = {
    "epoch": 200, "arch": "resnet50", "state_dict": state,
    "optimizer": {"state": {}, "param_groups": [{"lr": 0.03, "nesterov": False, "params": [0, 1]}]},
}
torch.save(value, HERE / "zip.pth.tar")
torch.save(value, HERE / "legacy.pth.tar", _use_new_zipfile_serialization=False)
torch.save({"run": print}, HERE / "code.pth.tar")
