"""Runs notebooks top to bottom with the GoNB kernel of bin/tools and writes them with their outputs:

    bin/tools/bin/python notebooks/run.py FROM.ipynb TO.ipynb [SECONDS]

FROM and TO may be the same; SECONDS is the longest that one cell may take (180). It prints how long all took.
"""
import pathlib
import sys
import time

import nbclient
import nbformat

source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
notebook = nbformat.read(source, as_version=4)
start = time.time()
client = nbclient.NotebookClient(
    notebook, timeout=int(sys.argv[3]) if len(sys.argv) > 3 else 180, kernel_name="gonb",
    resources={"metadata": {"path": str(source.parent)}}, record_timing=False)
client.execute()
nbformat.write(notebook, target)
print(f"{time.time() - start:.1f}")
