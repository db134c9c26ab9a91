# Two commands are enough on a fresh Debian machine with Go:
#   make run     builds and opens the app
#   make test    passes the tests
# Both install what is missing and may be repeated at will.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
BUILD       := build
TAGS        := migrated_fynedo
GO          ?= go
LANG        ?= en_US.UTF-8
export LANG

# Tools are built from source at these versions; nothing is downloaded ready-made.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@v1.9.0
VERSITYGW     := github.com/versity/versitygw/cmd/versitygw@v1.8.0
NFPM          := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0
CYCLONEDX     := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
BENCHSTAT     := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

# Core's statements that the tests must run, per cent.
COVERAGE := 85
FUZZTIME := 1m
# All but package main, which has no tests and would compile the toolkit's C code for the race detector.
TESTED := ./core/... ./plug/... ./remote/... ./ui/... ./vault/... ./vaultclient/...
# Sizes of the store for bench-vault.
ACCOUNTS := 1000,10000,100000,1000000

# Sizes of the repository for bench-scale, in chunks of data.
CHUNKS := 10000,100000,1000000
# The stages that bench-micro measures: in core/repo, what is below it, and core/backup: all that need no flag.
MICRO := $(GO) test ./core/repo/... ./core/backup -run '^$$' -bench . -benchtime 100ms -count 6

.PHONY: packages packages-test packages-check windows-setup windows-test
.PHONY: run build test check bench bench-micro bench-baseline bench-places bench-scale bench-start bench-vault demo fuzz screenshots fmt lint race cover vuln smoke stories windows clean

run: build ## build and open the app
	$(BUILD)/holdfast $(if $(DBUS_SESSION_BUS_ADDRESS),,--keyring file) $(ARGS)

build:
	scripts/install build
	$(GO) build -tags $(TAGS) -ldflags '$(APP_LDFLAGS)' -o $(BUILD)/holdfast .
	CGO_ENABLED=0 $(GO) build -ldflags "$(REMOTE_LDFLAGS)" -o $(BUILD)/holdfast-remote ./remote

test: ## all tests, once
	scripts/install build test
	mkdir -p $(BUILD)
	$(GO) test -timeout 45m -tags $(TAGS) -coverpkg=./core/... -coverprofile=$(BUILD)/coverage.out ./...

check: fmt lint test cover race smoke stories vuln ## what CI runs

fmt:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) mod tidy -diff
	$(GO) -C remote/servers/rcloneserve mod tidy -diff

$(BUILD)/tools/%:
	GOBIN=$(CURDIR)/$(BUILD)/tools CGO_ENABLED=0 $(GO) install $(TOOL)

lint: TOOL = $(GOLANGCI_LINT)
lint: $(BUILD)/tools/golangci-lint
	scripts/install build
	$(GO) vet -tags $(TAGS) ./...
	$(BUILD)/tools/golangci-lint run --build-tags $(TAGS) ./...

cover: ## after test: hold core's coverage
	@total=$$($(GO) tool cover -func=$(BUILD)/coverage.out | awk '/^total:/ {print $$3}'); \
	echo "coverage of core: $$total, at least $(COVERAGE) %"; \
	awk -v t="$${total%\%}" 'BEGIN {exit !(t >= $(COVERAGE))}'

race:
	scripts/install build test
	$(GO) test -timeout 45m -race -short -tags $(TAGS) $(TESTED)

smoke: build ## the real window on a display of its own, and the command line without cgo
	scripts/install test
	scripts/smoke $(BUILD)/holdfast
	CGO_ENABLED=0 $(GO) build -o $(BUILD)/holdfast-cli .
	for os in windows darwin; do CGO_ENABLED=0 GOOS=$$os $(GO) build -o /dev/null . && CGO_ENABLED=0 GOOS=$$os $(GO) build -o /dev/null ./remote && \
	  CGO_ENABLED=0 GOOS=$$os $(GO) vet ./core/... ./plug/... ./remote/...; done

stories: build ## the window beside the parts of a desktop, all real: panel, notifications, clipboard manager, keyring, portal, Wayland
	scripts/install test desktop
	scripts/stories/run $(BUILD)/holdfast $(ARGS)

windows: ## the app for Windows, by mingw; not part of check
	scripts/install windows
	CGO_ENABLED=1 GOOS=windows GOARCH=amd64 CC=x86_64-w64-mingw32-gcc-posix $(GO) build -tags $(TAGS) -trimpath -ldflags "-H windowsgui" -o $(BUILD)/holdfast.exe .

$(BUILD)/tools/nfpm: TOOL = $(NFPM)
$(BUILD)/tools/cyclonedx-gomod: TOOL = $(CYCLONEDX)
packages: $(BUILD)/tools/nfpm $(BUILD)/tools/cyclonedx-gomod ## deb, rpm, a static command line, bills of materials and checksums, into build/packages
	scripts/install build windows
	TOOLS=$${TOOLS:-$(CURDIR)/$(BUILD)/tools} packaging/build $(BUILD)/packages

packages-test: ## tries the packages in a Debian that has nothing else; as root, after packages
	scripts/install test packages
	packaging/linux/test $(BUILD)/packages $(BUILD)/packages-test

packages-check: $(BUILD)/tools/nfpm $(BUILD)/tools/cyclonedx-gomod ## docs/verify.md, as written, on packages of this commit from two folders
	scripts/install build windows
	packaging/check $(BUILD)/packages-check

windows-setup: ## the setup for Windows: VERSION names it
	scripts/install windows
	GO="$(GO)" APP_LDFLAGS='$(APP_LDFLAGS)' REMOTE_LDFLAGS='$(REMOTE_LDFLAGS)' packaging/windows/build $(or $(VERSION),$(shell scripts/version)) $(BUILD)

windows-test: windows-setup ## that setup and the programs in it under Wine; not part of check
	scripts/install test wine
	packaging/windows/test $(or $(VERSION),$(shell scripts/version)) $(BUILD)

vuln: TOOL = $(GOVULNCHECK)
vuln: $(BUILD)/tools/govulncheck
	@if $(GO) run ./scripts/reachable https://vuln.go.dev/index/db.json; then \
	  $(BUILD)/tools/govulncheck -tags $(TAGS) ./...; \
	else echo "govulncheck: its data cannot be reached from here, not run"; fi

demo: build ## three vaults on SoftHSM, and the app beside them
	$(GO) build -trimpath -o $(BUILD)/vaultd ./vault/vaultd
	scripts/demo $(BUILD)

bench-vault: ## recoveries a second against what the token allows, by number of accounts (ACCOUNTS)
	scripts/install build test
	$(GO) test ./vault -run '^$$' -bench Recovery -benchtime 1x -timeout 60m -args -vault.accounts $(ACCOUNTS)

bench: ## Holdfast beside restic and borg, in turns, on bench/workload.py; needs 12 GB of disk. ARGS=--places: to servers behind a slow link
	scripts/install build bench
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BUILD)/holdfast-cli .
	$(if $(filter --places,$(ARGS)),$(MAKE) bench-places ARGS="$(filter-out --places,$(ARGS))",\
	  python3 bench/run.py --holdfast $(BUILD)/holdfast-cli --dir $(BUILD)/bench $(ARGS))

bench-places: TOOL = $(VERSITYGW)
bench-places: $(BUILD)/tools/versitygw ## what bench does with ARGS=--places, once holdfast-cli is built
	scripts/install bench
	CGO_ENABLED=0 $(GO) build -ldflags "$(REMOTE_LDFLAGS)" -o $(BUILD)/holdfast-remote ./remote
	CGO_ENABLED=0 $(GO) build -o $(BUILD)/shape ./bench/shape
	mkdir -p $(BUILD)/bench
	python3 bench/places.py --holdfast $(BUILD)/holdfast-cli --shape $(BUILD)/shape --versitygw $(BUILD)/tools/versitygw --dir $(BUILD)/bench $(ARGS)

bench-micro: ## each stage of the engine, beside bench/baseline.txt
	mkdir -p $(BUILD)
	$(MICRO) | tee $(BUILD)/micro.txt
	$(GO) run $(BENCHSTAT) -table goos -ignore pkg,cpu bench/baseline.txt $(BUILD)/micro.txt

bench-baseline: ## make this machine's figures the baseline
	{ echo "# $$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1), $$(nproc) cores, $$($(GO) version | cut -d' ' -f3), $$(date -u +%F)"; $(MICRO); } > $(BUILD)/baseline.txt
	mv $(BUILD)/baseline.txt bench/baseline.txt

bench-scale: ## what commands take on generated repositories of CHUNKS; 10 million need 10 GB of disk
	mkdir -p $(BUILD)
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BUILD)/holdfast-cli .
	python3 bench/scale.py --holdfast $(BUILD)/holdfast-cli --dir $(BUILD)/scale --chunks $(CHUNKS) --json $(BUILD)/scale.json
	python3 bench/curves.py $(BUILD)/scale.json $(BUILD)

bench-start: build ## from a start to the first frame, beside a bare window of the toolkit
	scripts/install test
	$(GO) build -tags $(TAGS) -o $(BUILD)/bare ./bench/bare
	python3 bench/start.py --holdfast $(BUILD)/holdfast --bare $(BUILD)/bare --dir $(BUILD)/start $(ARGS)

fuzz: ## every fuzz target for FUZZTIME (1m)
	@for p in $$($(GO) list ./core/... ./vault/... ./vaultclient/...); do \
	  for f in $$($(GO) test $$p -list '^Fuzz' | grep ^Fuzz || true); do \
	    echo "== $$p $$f"; $(GO) test $$p -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME); \
	  done; \
	done

screenshots: ## every screen, light and dark, in English and German, into docs/screenshots
	scripts/install build
	CGO_ENABLED=0 $(GO) test ./ui -run TestScreenshots -count 1 -shots $(CURDIR)/docs/screenshots

clean:
	rm -rf $(BUILD)
