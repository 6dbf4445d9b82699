"""Times faiss's flat index: what `mocotpu bench knn` compares its search with.

    python faiss_peer.py '{"bank": 1280000, "queries": 1000, "dim": 128, "k": 200, "classes": 1000, "noise": 2, ...}'

The rows are those of bench/rows.go, bit for bit. They are drawn, brought to length 1 and given to the index, which copies
them, a part at a time: the value "prepare-ns" is the time of the last two. IndexFlatIP then looks for the k nearest of all
queries at once, which the times are of. It answers as clock.py says, and writes what it found to case["found"]: int32
[queries, k], then float32 [queries, k].
"""
import resource
import time

import clock

try:
    import faiss
    import numpy
except ImportError as absent:
    clock.missing(absent)

PART = 4096  # rows that are drawn at a time


def hashed(number, seed):
    """32 bits for each uint32."""
    x = number ^ numpy.uint32(seed)
    x *= numpy.uint32(0x9E3779B1)
    x ^= x >> numpy.uint32(15)
    x *= numpy.uint32(0x85EBCA77)
    x ^= x >> numpy.uint32(13)
    x *= numpy.uint32(0xC2B2AE3D)
    x ^= x >> numpy.uint32(16)
    return x


def uniform(first, count, seed):
    """Numbers from -1 on, below 1, in steps of 2^-23."""
    x = hashed(numpy.arange(first, first + count, dtype=numpy.uint32), seed)
    return (x >> numpy.uint32(8)).astype(numpy.float32) * numpy.float32(2 ** -23) - numpy.float32(1)


def labels(rows, classes, seed):
    return hashed(numpy.arange(rows, dtype=numpy.uint32), seed + 1) % numpy.uint32(classes)


def parts(c, rows, seed):
    """Rows as an encoder made them, a part at a time."""
    centres = uniform(0, c["classes"] * c["dim"], 0).reshape(c["classes"], c["dim"])
    classes = labels(rows, c["classes"], seed)
    for first in range(0, rows, PART):
        n = min(PART, rows - first)
        x = uniform(first * c["dim"], n * c["dim"], seed).reshape(n, c["dim"])
        x *= numpy.float32(c["noise"])
        x += centres[classes[first:first + n]]
        yield x


def prepared(rows, take):
    """Brings rows to length 1 and has them taken. Returns the seconds of that alone."""
    seconds = 0
    for x in rows:
        began = time.perf_counter()
        faiss.normalize_L2(x)
        take(x)
        seconds += time.perf_counter() - began
    return seconds


def cpu_seconds():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def correct(c, found, similarities):
    """How many queries the vote of their neighbours gives their own class."""
    classes, n = labels(c["bank"], c["classes"], c["bank_seed"]), 0
    for rows, s, label in zip(found, similarities, labels(c["queries"], c["classes"], c["query_seed"])):
        weights = numpy.exp((s.astype(numpy.float64) - s[0]) / c["temperature"])
        n += int(numpy.bincount(classes[rows], weights, c["classes"]).argmax() == label)
    return n


def main():
    c = clock.case()
    faiss.omp_set_num_threads(c["threads"])
    index = faiss.IndexFlatIP(c["dim"])
    taken = []
    seconds = prepared(parts(c, c["bank"], c["bank_seed"]), index.add)
    seconds += prepared(parts(c, c["queries"], c["query_seed"]), taken.append)
    queries = numpy.concatenate(taken)
    index.search(queries[:1], c["k"])
    ms, cpu = [], cpu_seconds()
    for _ in range(c["repeat"]):
        began = time.perf_counter()
        similarities, found = index.search(queries, c["k"])
        ms.append(1000 * (time.perf_counter() - began))
    cpu = (cpu_seconds() - cpu) / c["repeat"]
    with open(c["found"], "wb") as f:
        found.astype("<i4").tofile(f)
        similarities.astype("<f4").tofile(f)
    clock.answer(versions={"faiss": faiss.__version__, "numpy": numpy.__version__}, ms=ms, peak_bytes=clock.peak_bytes(),
                 values={"cpu-ns": 1e9 * cpu, "prepare-ns": 1e9 * seconds, "correct": correct(c, found, similarities)})


if __name__ == "__main__":
    main()
