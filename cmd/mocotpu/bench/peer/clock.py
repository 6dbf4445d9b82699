"""What every peer of `mocotpu bench peers` does alike: its case, its start, its clock and its answer.

A peer is started as `python SCRIPT CASE`. The case is a JSON object: the step's configuration, the file to start from,
and how long to run. The answer is one JSON object on standard output: its versions by name, the times of the steps
and their losses, and the memory; or {"missing": why} where the peer cannot run here.
"""
import json
import math
import sys
import time

BEGAN = time.perf_counter()


def case():
    return json.loads(sys.argv[1])


def answer(**fields):
    print(json.dumps(fields))


def missing(why):
    answer(missing=str(why))
    sys.exit(0)


def start(path):
    """The arrays of a safetensors file: the query encoder's parameters by torchvision's names, convolutions
    [h,w,in,out]; "queue", [K,D]; "images", the batch that steps are timed on, uint8 [N,S,S,3]."""
    import numpy
    with open(path, "rb") as f:
        data = f.read()
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    kinds = {"F32": numpy.float32, "U8": numpy.uint8}
    return {name: numpy.frombuffer(body[slice(*t["data_offsets"])], kinds[t["dtype"]]).reshape(t["shape"])
            for name, t in header.items()}


def peak_bytes():
    """The most memory that this process has held, as Linux tells it; 0 elsewhere. Its children do not count."""
    try:
        with open("/proc/self/status") as f:
            return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM:"))
    except OSError:
        return 0


def run(case, step, batches):
    """Takes a step on each batch, of which there are enough, until warm-up and timed steps are done; one timed step
    at least, no further one behind case["seconds"] of the process. A step's time goes from the end of the one before
    to its loss on the host, so it contains the waiting for its batch."""
    ms, losses, last = [], [], time.perf_counter()
    for batch in batches:
        losses.append(step(batch))
        if not math.isfinite(losses[-1]):
            missing(f"the loss of step {len(losses) - 1} is {losses[-1]}, want a number: try a lower --lr")
        now = time.perf_counter()
        ms.append(1000 * (now - last))
        last = now
        timed = len(ms) - case["warmup"]
        if timed >= 1 and (timed == case["repeat"] or now - BEGAN > case["seconds"]):
            break
    return {"first_ms": ms[0], "ms": ms[case["warmup"]:], "losses": losses, "peak_bytes": peak_bytes()}
