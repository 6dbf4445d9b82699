"""torchvision's ResNet in plain JAX: NHWC, parameters by torchvision's names, BatchNorm in groups."""
import jax
import jax.numpy as jnp
from jax import lax

ARCHS = {  # blocks of each stage, and whether they are bottlenecks
    "resnet10": ((1, 1, 1, 1), False),
    "resnet18": ((2, 2, 2, 2), False),
    "resnet34": ((3, 4, 6, 3), False),
    "resnet50": ((3, 4, 6, 3), True),
}


def statistics(params):
    """The running statistics of a fresh encoder, by the names of the norms."""
    return {name.removesuffix(".bias"): (jnp.zeros_like(value), jnp.ones_like(value)) for name, value in params.items()
            if name.endswith(".bias") and not name.startswith("fc")}


def convolve(x, kernel, stride):
    p = (kernel.shape[0] - 1) // 2
    return lax.conv_general_dilated(x, kernel.astype(x.dtype), (stride, stride), ((p, p), (p, p)),
                                    dimension_numbers=("NHWC", "HWIO", "NHWC"))


def normalise(x, weight, bias, running, groups):
    """BatchNorm over contiguous groups of the batch, in float32; also the new running statistics, the groups' mean."""
    grouped = x.astype(jnp.float32).reshape(groups, -1, x.shape[-1])
    mean = grouped.mean(1)
    var = jnp.maximum(jnp.square(grouped).mean(1) - jnp.square(mean), 0)
    scale = weight / jnp.sqrt(var + 1e-5)
    y = grouped * scale[:, None] + (bias - mean * scale)[:, None]
    count = grouped.shape[1]
    fresh = mean.mean(0), var.mean(0) * count / (count - 1)
    running = tuple(0.9 * old + 0.1 * lax.stop_gradient(new) for old, new in zip(running, fresh))
    return y.reshape(x.shape).astype(x.dtype), running


def encode(case, params, stats, x):
    """The unit projections of views x, float32 [N,S,S,3], and the new running statistics."""
    stages, bottleneck = ARCHS[case["arch"]]
    stats = dict(stats)

    def layer(x, conv, norm, stride=1):
        y = convolve(x, params[conv + ".weight"], stride)
        y, stats[norm] = normalise(y, params[norm + ".weight"], params[norm + ".bias"], stats[norm], case["groups"])
        return y

    def block(x, name, stride):
        strides = (1, stride, 1) if bottleneck else (stride, 1)
        y = x
        for i, s in enumerate(strides, 1):
            y = layer(y if i == 1 else jax.nn.relu(y), f"{name}.conv{i}", f"{name}.bn{i}", s)
        if f"{name}.downsample.0.weight" in params:
            x = layer(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
        return jax.nn.relu(x + y)

    x = x.astype(jnp.bfloat16 if case["precision"] == "bfloat16" else jnp.float32)
    small = case["stem"] == "small"
    x = jax.nn.relu(layer(x, "conv1", "bn1", 1 if small else 2))
    if not small:
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (1, 1), (1, 1), (0, 0)))
    for stage, blocks in enumerate(stages):
        for i in range(blocks):
            x = block(x, f"layer{stage + 1}.{i}", 2 if stage and not i else 1)
    x = x.astype(jnp.float32).mean((1, 2))
    if case["head"] == "mlp":
        x = jax.nn.relu(x @ params["fc.0.weight"].T + params["fc.0.bias"])
        x = x @ params["fc.2.weight"].T + params["fc.2.bias"]
    else:
        x = x @ params["fc.weight"].T + params["fc.bias"]
    return x / jnp.linalg.norm(x, axis=1, keepdims=True), stats
