"""Records conv.onnx for the test: python record.py, with onnx 1.23.2 of PyPI."""

import onnx
from onnx import TensorProto, helper

kernel = helper.make_tensor("kernel", TensorProto.FLOAT, [2, 3, 1, 1], b"".join(bytes([i, 0, 128, 63]) for i in range(6)), raw=True)
scalar = helper.make_tensor("scale", TensorProto.FLOAT, [], b"\x00\x00\x80\x3f", raw=True)
graph = helper.make_graph(
    [
        helper.make_node("Conv", ["images", "kernel"], ["conv"], "conv", pads=[0, 0, 300, 0], kernel_shape=[1, 1]),
        helper.make_node("LeakyRelu", ["conv"], ["relu"], "relu", alpha=1e-5),
        helper.make_node("Mul", ["relu", "scale"], ["mul"], "mul"),
        helper.make_node("Flatten", ["mul"], ["features"], "features", axis=0),
    ],
    "encoder",
    [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, "height", 8])],
    [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, "N"])],
    [kernel, scalar],
)
# make_node sorts the attributes by name
model = helper.make_model(graph, producer_name="mocotpu", ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "conv.onnx")
