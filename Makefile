# Everything that a developer or CI runs. `make help` lists it.
BIN := .build/mailops
FUZZTIME ?= 30s

.PHONY: help build demo demo-zoho test check fuzz golden lint bench packages

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build .build/mailops
	CGO_ENABLED=0 go build -trimpath -o $(BIN) ./cmd/mailops

demo: build ## the main job on examples/acme, embedded store
	@CGO_ENABLED=0 go build -trimpath -o .build/panel ./examples/panel
	@examples/demo.sh $(BIN) .build/panel

demo-zoho: build ## an organization on a simulated Zoho Mail
	@CGO_ENABLED=0 go build -trimpath -o .build/ ./cmd/mailops-zohosim ./cmd/mailops-arraysim
	@examples/zoho/demo.sh $(BIN) .build/mailops-zohosim

test: packages lint ## all tests, with the race detector
	go test -race -timeout 20m ./...
	go test ./schema/load # whole hostile texts: the race detector's memory would hide their own
	go test ./reconcile/zohomail ./reconcile/emailarray ./reconcile/internal/hosted/... # the suite of all stores: ten times as slow under the race detector
	go test ./cmd/mailops -run TestPreviews # all of them, in every format: ten times as slow under the race detector

check: test golden ## what CI runs, and that golden files are up to date
	git diff --exit-code

fuzz: ## every fuzz target for FUZZTIME (30s)
	@.ci/fuzz $(FUZZTIME)

golden: ## rewrite golden files
	UPDATE=1 go test ./...

lint: ## gofmt and go vet
	@test -z "$$(gofmt -l cmd schema reconcile examples)" || { gofmt -l cmd schema reconcile examples; exit 1; }
	go vet ./...

bench: build ## measure validate, plan, apply, previews and the agent beside peers and floors
	go run ./cmd/bench run -mailops $(BIN)
	go run ./cmd/bench preview -mailops $(BIN)
	go run ./cmd/bench agent -mailops $(BIN)

packages: # what is missing of .ci/packages.txt
	@.ci/packages
