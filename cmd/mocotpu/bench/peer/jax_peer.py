"""Times MoCo's training step in JAX: one jitted function with its state donated, on one device. See clock.py for what it
is told and answers. The algorithm is torch_moco.py's."""
import itertools
import math

import clock

try:
    import jax
    import jax.numpy as jnp
    import jaxlib
except ImportError as absent:
    clock.missing(absent)

import jax_net


def shuffle(case, x):
    """Exchanges equal parts of the batch between the groups of a set, as mocotpu does; its own inverse."""
    n, groups = case["batch"], case["groups"]
    s = math.gcd(groups, n // groups) if case["shuffle"] else 1
    rest = x.shape[1:]
    return x.reshape(groups // s, s, s, n // groups // s, *rest).swapaxes(1, 2).reshape(n, *rest)


def initial(start):
    """The state of a training: both encoders, SGD's buffers, queue and pointer."""
    params = {name: jnp.array(value) for name, value in start.items() if name not in ("queue", "images")}
    copy = lambda tree: jax.tree.map(jnp.copy, tree)
    stats = jax_net.statistics(params)
    return {"query": params, "key": copy(params), "momentum": jax.tree.map(jnp.zeros_like, params),
            "query_stats": stats, "key_stats": copy(stats), "queue": jnp.array(start["queue"]), "pointer": jnp.int32(0)}


def contrast(case, q, k, queue):
    logits = jnp.concatenate([(q * k).sum(1, keepdims=True), q @ queue.T], 1) / case["temperature"]
    return (jax.nn.logsumexp(logits, axis=1) - logits[:, 0]).mean()


def train(case, state, images):
    """One step over uint8 images [N,S,S,3], which are only scaled, both views alike: the new state and the loss."""
    state = dict(state)
    queue, symmetric = state["queue"], case["symmetric"]
    m = case["key_momentum"]
    key = jax.tree.map(lambda k, q: m * k + (1 - m) * q, state["key"], state["query"])

    def keys(images):
        z, state["key_stats"] = jax_net.encode(case, key, state["key_stats"], scaled(shuffle(case, images)))
        return shuffle(case, z)

    scaled = lambda x: x.astype(jnp.float32) * (2 / 255) - 1
    all_keys = [keys(images) for _ in range(1 + symmetric)]

    def loss_of(params):
        stats, loss = state["query_stats"], 0.0
        for k in all_keys:
            q, stats = jax_net.encode(case, params, stats, scaled(images))
            loss += contrast(case, q, k, queue)
        return loss, stats

    (loss, state["query_stats"]), gradients = jax.value_and_grad(loss_of, has_aux=True)(state["query"])
    state["key"] = key
    state["momentum"] = jax.tree.map(lambda v, g, p: case["sgd_momentum"] * v + g + case["weight_decay"] * p,
                                     state["momentum"], gradients, state["query"])
    state["query"] = jax.tree.map(lambda p, v: p - case["lr"] * v, state["query"], state["momentum"])
    fresh = jnp.concatenate(all_keys[::-1])
    rows = (state["pointer"] + jnp.arange(len(fresh))) % len(queue)
    state["queue"] = queue.at[rows].set(fresh)
    state["pointer"] = (state["pointer"] + len(fresh)) % len(queue)
    return state, loss


def main():
    case = clock.case()
    try:
        device = jax.devices(case["device"])[0]
    except RuntimeError as absent:
        clock.missing(f"jax {jax.__version__}: {absent}")
    jax.config.update("jax_default_device", device)
    jax.config.update("jax_default_matmul_precision", "highest" if case["precision"] == "float32" else "tensorfloat32")
    start = clock.start(case["start"])
    state, images = initial(start), start["images"]
    program = None

    def step(images):
        nonlocal state, program
        images = jax.device_put(images, device)
        if program is None:
            jitted = jax.jit(lambda state, images: train(case, state, images), donate_argnums=0)
            program = jitted.lower(state, images).compile()
        state, loss = program(state, images)
        return float(loss)

    measured = clock.run(case, step, itertools.repeat(images))
    memory = program.memory_analysis()
    needed = (memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
              + memory.temp_size_in_bytes) if memory else 0
    clock.answer(versions={"jax": jax.__version__, "jaxlib": jaxlib.__version__}, device_bytes=needed, **measured)


if __name__ == "__main__":
    main()
