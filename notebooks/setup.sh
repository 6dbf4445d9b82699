#!/usr/bin/env bash
# Installs what the notebooks and their test need into the folder given: a Python environment with Jupyter's client and
# TensorBoard, GoNB, goimports, and the kernel that joins them. `make tools` calls it.
set -euo pipefail
[ $# = 1 ] || { echo "usage: notebooks/setup.sh FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
tools=$(cd "$1" && pwd)
python3 -m venv "$tools"
"$tools/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"

# A module of its own, since neither program is a dependency of ours. GoNB is of the version of its library in our go.mod.
gonb=$(cd "$here" && go list -m -f '{{.Version}}' github.com/janpfeifer/gonb)
mkdir -p "$tools/go"
cat > "$tools/go/go.mod" <<END
module tools
go 1.26
require (
	github.com/janpfeifer/gonb $gonb
	golang.org/x/tools v0.52.0
)
END
cat > "$tools/go/tools.go" <<END
//go:build tools

package tools

import (
	_ "github.com/janpfeifer/gonb"
	_ "golang.org/x/tools/cmd/goimports"
)
END
(cd "$tools/go" && go mod tidy && go build -o "$tools/bin/" github.com/janpfeifer/gonb golang.org/x/tools/cmd/goimports)

kernel=$tools/share/jupyter/kernels/gonb
mkdir -p "$kernel"
cat > "$kernel/kernel.json" <<END
{"argv": ["$tools/bin/gonb", "--kernel", "{connection_file}"], "display_name": "Go (gonb)", "language": "go",
 "env": {"PATH": "$tools/bin:\${PATH}"}}
END
touch "$tools/ready"
