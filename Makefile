# What can be done here: make help. What CI does: make test; once a week make test-all.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo v0.0.0-unknown)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
DATE    ?= $(shell git log -1 --format=%cI 2>/dev/null)

CMD     := github.com/kftls/kubectl-kftls/pkg/cmd
LDFLAGS := -s -w -X $(CMD).version=$(VERSION) -X $(CMD).commit=$(COMMIT) -X $(CMD).date=$(DATE)
# The version comes from the flags above; stamping would fail in a clone that
# belongs to somebody else.
GOBUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false
CHECK   := go run -buildvcs=false ./scripts/check

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## the plugin, bin/kubectl-kftls
	$(GOBUILD) -ldflags '$(LDFLAGS)' -o bin/kubectl-kftls ./cmd/kubectl-kftls

.PHONY: testbed
testbed: ## the testbed, bin/testbed, with all its programs (10 to 20 minutes the first time)
	cd test/testbed && $(GOBUILD) -o ../../bin/testbed ./cmd/testbed
	bin/testbed build

.PHONY: demo
demo: ## the whole story in a terminal: curl fails, setup, curl works, undone
	@scripts/demo.sh

.PHONY: picture
picture: ## docs/demo.svg, the picture in the README, from a run of the demo
	@scripts/picture.sh

.PHONY: test
test: ## all that CI runs; what cannot run on this machine is named at the end
	@$(CHECK) test

.PHONY: test-all
test-all: ## test with every fault, cut and story, more fuzzing and mutations, the release made twice
	@$(CHECK) test-all

.PHONY: test-unit
test-unit: ## unit tests with -race
	@$(CHECK) unit

.PHONY: lint
lint: ## golangci-lint over every module, actionlint over the workflows
	@$(CHECK) lint

.PHONY: tidy-check
tidy-check: ## is go.mod what the code needs?
	@$(CHECK) tidy

.PHONY: cross
cross: ## compile for linux, darwin and windows on amd64 and arm64
	@$(CHECK) cross

.PHONY: e2e
e2e: ## the stories: the built plugin against the testbed
	@$(CHECK) testbed e2e

.PHONY: test-testbed
test-testbed: testbed ## the testbed itself: faults, reset, roll-outs, two side by side, kill -9
	cd test/testbed && go test -buildvcs=false -tags integration -count=1 -timeout 15m ./integration

.PHONY: bench
bench: build testbed ## side by side with the way by hand, and with kubectl
	go run -buildvcs=false ./bench

.PHONY: docs
docs: ## what is written from the code: docs/reference, the man page, docs/findings, the help pages of the tests
	go run -buildvcs=false ./scripts/reference
	go test ./pkg/diagnose -run Page -update
	go test ./pkg/cmd -run TestHelp -update

.PHONY: release-snapshot
release-snapshot: ## a release of the last commit into dist/, published nowhere
	@scripts/release.sh snapshot

.PHONY: release-check
release-check: ## install it with krew on every platform; make it twice in two folders, and compare
	@$(CHECK) snapshot reproducible

.PHONY: tools
tools: ## what the checks need and Go can build, into the user's cache folder
	@scripts/tools.sh

.PHONY: clean
clean: ## remove what was built here; the testbed's programs stay in the user's cache
	rm -rf bin dist
