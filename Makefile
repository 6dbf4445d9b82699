# mocotpu: `make` alone prints this help. Targets do their own set-up; they need Go, g++ and Python with pip.

GO ?= go
MOCOTPU := bin/mocotpu
BENCH ?= --preset=cifar10 --batch=128
GOFUMPT := mvdan.cc/gofumpt@v0.9.2
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
PROTOC := github.com/jhump/goprotoc/cmd/goprotoc@v0.5.0
# With the invariants of package step, which every build of a test checks.
TAGS := invariants
# Packages with goroutines: those whose tests are quick, and those of which race runs the tests that RACE_TESTS names.
RACE := ./cmd/internal/terminal ./cmd/internal/training ./models/data/files ./models/data/packed ./models/data/specimen ./xla/host/guard ./xla/programs ./xla/rendezvous ./xla/setup
RACE_SOME := ./models/data ./models/judge ./models/train ./xla ./xla/mesh ./cmd/mocotpu
RACE_TESTS := Glyphs|KNN|Nearest|Feed|Saver|Broken|Stored|Executing|Slot|Replicas|Signal
# All that CI does not run.
NIGHTLY := cross slow fuzz sanitize interop peers stress
# Systems that models and the command are built for without cgo: there the command has the Go engine alone.
PLATFORMS := linux/arm64 darwin/arm64 windows/amd64
PROTOS := xla/internal/hlopb/hlo.proto models/format/onnx/onnx.proto

.PHONY: help build installer setup setup-cpu setup-tpu setup-cuda tools demo test generate results computed mnist check lint race cross bench slow fuzz stress sanitize peers interop nightly

help: ## print this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Go's compiler and the linters take a fifth less time where they collect garbage later, for 1.4 GB instead of 1.1.
# Tests are run as users run the program; those of race are few.
build installer lint race: export GOGC ?= 400

build: ## build bin/mocotpu
	$(GO) build -ldflags=-s -o $(MOCOTPU) ./cmd/mocotpu

# What installs is built first, in a fraction of the time, and downloads while the rest is compiled.
installer:
	$(GO) build -ldflags=-s -o bin/setup ./cmd/setup

setup: installer ## install the CPU engine, and the compilers for TPUs and GPUs (a no-op the second time)
	@$(MAKE) --no-print-directory -j4 build setup-cpu setup-tpu setup-cuda # one compiles while others download

setup-cpu setup-tpu setup-cuda: installer

setup-cpu setup-tpu:
	bin/setup $(@:setup-%=%)

setup-cuda:
	bin/setup cuda --compile-only

tools: bin/tools/ready ## install Jupyter's client, GoNB and TensorBoard for the tests (a no-op the second time)

bin/tools/ready: notebooks/setup.sh notebooks/requirements.txt go.mod
	notebooks/setup.sh bin/tools

# Small batches learn more in the first minute than the preset's own: see docs/benchmarks.md.
demo: installer ## train on drawn characters and watch the kNN accuracy rise (a few minutes)
	@$(MAKE) --no-print-directory -j2 build setup-cpu
	$(MOCOTPU) train --preset=glyphs --backend=cpu --batch=32 --bn-groups=4 --lr=0.03 --epochs=3

# Where the tests keep compiled programs for each other.
test race: export MOCOTPU_TEST_PROGRAMS ?= $(abspath bin/programs)

# Without go test's own vet: make check has the whole one.
test: setup tools ## run every test but the slow ones
	$(GO) test -vet=off -timeout 25m -tags $(TAGS) ./...

# The plugin comes in the version of go.mod.
protoc = $(GO) run $(PROTOC) --plugin=protoc-gen-go="$$($(GO) tool -n protoc-gen-go)" --go_out=paths=source_relative:$(1) $(PROTOS)

generate: ## make the Go code of the .proto files anew
	$(call protoc,.)

results: ## write the recorded measurements of docs/results into README and docs
	$(GO) run ./docs/results

computed: build ## compile what docs say of TPUs and GPUs that are not there: two hours of two cores, after make setup
	nice -n 10 $(GO) run ./docs/results compute targets
	nice -n 10 $(GO) run ./docs/results compute fit
	nice -n 10 $(GO) run ./docs/results compute hosts
	$(GO) run ./docs/results

mnist: build ## train what docs say of MNIST: three hours of two cores; goes on where it was
	$(MOCOTPU) data get mnist
	$(GO) run ./docs/results compute mnist
	$(GO) run ./docs/results

check: lint race ## format, vet, lint, tidiness, data races

lint:
	@test -z "$$($(GO) run $(GOFUMPT) -l .)" || { $(GO) run $(GOFUMPT) -l .; echo "gofumpt these files"; exit 1; }
	$(GO) vet -tags slow,$(TAGS) ./...
	$(GO) run $(STATICCHECK) -checks inherit,-ST1001 -tags slow,$(TAGS) ./...
	$(GO) mod tidy -diff
	@new="$$(mktemp -d)" && trap 'rm -r "$$new"' EXIT && $(call protoc,"$$new") && for proto in $(PROTOS); do \
		diff -u "$${proto%.proto}.pb.go" "$$new/$${proto%.proto}.pb.go" || { echo "make generate, and commit what it makes"; exit 1; }; done

cross: ## build without cgo, here and for the other systems; their types are checked by make test
	CGO_ENABLED=0 $(GO) vet ./models/... ./xla ./cmd/mocotpu
	@for platform in $(PLATFORMS); do \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) build ./models/... ./cmd/mocotpu || exit 1; done

# The Go engine's matrix product computes pointers past a slice's end, which checkptr refuses though nothing is read there.
race: setup ## the tests of packages with goroutines under the race detector
	$(GO) test -vet=off -race -tags $(TAGS) '-gcflags=github.com/gomlx/compute/...=-d=checkptr=0' $(RACE)
	$(GO) test -vet=off -race -tags $(TAGS) '-gcflags=github.com/gomlx/compute/...=-d=checkptr=0' -run '$(RACE_TESTS)' $(RACE_SOME)

nightly: $(NIGHTLY) ## all that CI does not run

bench: setup $(if $(PYTHON),,bin/peers/ready) ## time training here, beside PyTorch and JAX (PYTHON=... has them, else 6 GB of wheels, once)
	$(MOCOTPU) bench peers $(BENCH) --python=$(or $(PYTHON),bin/peers/bin/python)

slow: setup tools ## the tests that take too long for CI
	$(GO) test -timeout 3h -tags slow,$(TAGS) -run Slow ./...

FUZZTIME ?= 30s
FUZZ := models/data:FuzzIDX models/data:FuzzCIFAR models/data/files:FuzzTar models/data/picture:FuzzSqueeze \
	models/encoder:FuzzManifest models/format/npy:FuzzReadHeader models/format/pickle:FuzzRead models/format/safetensors:FuzzRead \
	models/format/torchfile:FuzzOpen models/run:FuzzRecord models/run:FuzzMetrics xla/hlo:FuzzRead xla:FuzzPrepare

fuzz: ## look for files that break a reader, 30 seconds each (FUZZTIME=1h, FUZZ=models/run:FuzzRecord)
	@for target in $(FUZZ); do \
		$(GO) test -run XXX -fuzz "^$${target#*:}\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "./$${target%:*}" || exit 1; done

STRESS ?= 60

stress: setup ## the tests on eight devices 60 times, several at once (STRESS=200); stacks of a hang in bin/stress
	.ci/stress.sh $(STRESS)

sanitize: build ## the CPU plugin's tests with AddressSanitizer and UndefinedBehaviorSanitizer in it
	.ci/sanitize.sh

peers: setup bin/peers/ready ## hold the steps of PyTorch and JAX in bench peers to ours (6 GB of wheels, once)
	MOCOTPU_TORCH_PYTHON=$(abspath bin/peers/bin/python) MOCOTPU_JAX_PYTHON=$(abspath bin/peers/bin/python) \
		$(GO) test -timeout 25m -tags $(TAGS) -run "TestTorch|TestJAX" ./cmd/mocotpu/bench

interop: setup bin/peers/ready ## run exported encoders in torchvision, timm, ONNX Runtime, JAX and NumPy (6 GB of wheels, once)
	PYTHONDONTWRITEBYTECODE=1 bin/peers/bin/python models/convert/testdata/interop.py $(MOCOTPU)

bin/peers/ready: models/convert/testdata/interop.txt
	python3 -m venv bin/peers
	bin/peers/bin/pip install -q -r models/convert/testdata/interop.txt
	touch $@
