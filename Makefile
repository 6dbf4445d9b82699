# mocotpu: `make` alone prints this help. Targets do their own set-up; they need Go, g++ and Python with pip.

GO ?= go
MOCOTPU := bin/mocotpu
BENCH ?= --preset=cifar10 --batch=128
GOFUMPT := mvdan.cc/gofumpt@v0.9.2
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: help build setup tools demo test check bench slow fuzz interop

help: ## print this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/mocotpu
	$(GO) build -o $(MOCOTPU) ./cmd/mocotpu

setup: build ## install the CPU engine and libtpu, the compiler for TPUs (a no-op the second time)
	$(MOCOTPU) setup cpu
	$(MOCOTPU) setup tpu

tools: bin/tools/ready ## install Jupyter's client, GoNB and TensorBoard for the tests (a no-op the second time)

bin/tools/ready: notebooks/setup.sh notebooks/requirements.txt
	notebooks/setup.sh bin/tools

demo: build ## train on drawn characters and watch the kNN accuracy rise (a few minutes)
	$(MOCOTPU) setup cpu
	$(MOCOTPU) train --preset=glyphs --backend=cpu

test: setup tools ## run every test but the slow ones
	$(GO) test -timeout 25m ./...

check: ## format, vet, lint, tidiness; then a build of models without cgo
	@test -z "$$($(GO) run $(GOFUMPT) -l .)" || { $(GO) run $(GOFUMPT) -l .; echo "gofumpt these files"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags slow ./...
	$(GO) run $(STATICCHECK) -checks inherit,-ST1001 ./...
	$(GO) run $(STATICCHECK) -checks inherit,-ST1001 -tags slow ./...
	$(GO) mod tidy -diff
	CGO_ENABLED=0 $(GO) vet ./models/...

bench: setup $(if $(PYTHON),,bin/peers/ready) ## time training here, beside PyTorch and JAX (PYTHON=... has them, else 6 GB of wheels, once)
	$(MOCOTPU) bench peers $(BENCH) --python=$(or $(PYTHON),bin/peers/bin/python)

slow: setup tools ## the tests that take longer than CI's 20 minutes
	$(GO) test -timeout 3h -tags slow -run Slow ./...

FUZZTIME ?= 30s
FUZZ := data:FuzzIDX data:FuzzCIFAR data/files:FuzzTar data/picture:FuzzSqueeze encoder:FuzzManifest format/npy:FuzzReadHeader \
	format/pickle:FuzzRead format/safetensors:FuzzRead format/torchfile:FuzzOpen run:FuzzRecord run:FuzzMetrics

fuzz: ## look for files that break a reader, 30 seconds each (FUZZTIME=1h, FUZZ=run:FuzzRecord)
	@for target in $(FUZZ); do \
		$(GO) test -run XXX -fuzz "^$${target#*:}\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "./models/$${target%:*}" || exit 1; done

interop: setup bin/peers/ready ## run exported encoders in torchvision, ONNX Runtime, JAX and NumPy (6 GB of wheels, once)
	PYTHONDONTWRITEBYTECODE=1 bin/peers/bin/python models/convert/testdata/interop.py $(MOCOTPU)

bin/peers/ready: models/convert/testdata/interop.txt
	python3 -m venv bin/peers
	bin/peers/bin/pip install -q -r models/convert/testdata/interop.txt
	touch $@
