# setup · demo · pilot · test · bench · lint · dist · nix-eval
# Each target does all that it needs, Debian packages included (as root; without root it says what to install).

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup lock lint test demo pilot bench bench-fleet dist nix-eval

setup: $(STAMP)

$(STAMP): requirements-dev.lock pyproject.toml
	@sh tools/packages.sh base
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

# Needs uv on the path; writes locks that name no host.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --all-extras -c requirements.lock pyproject.toml -o requirements-dev.lock

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

demo: setup
	$(BIN)/noc demo $(if $(FOR),--for $(FOR))

dist: setup
	$(BIN)/python tools/dist.py --out dist

pilot: setup dist
	@sh tools/packages.sh lab
	$(BIN)/noc pilot $(if $(NODES),--nodes $(NODES)) $(if $(CLOUD),--cloud) $(if $(DRILLS),--drills)

# Everything; the lab's tests need root, and saying so is better than a green lie.
test: setup
	@sh tools/packages.sh test web
	@sh tools/axe.sh
	@if [ "$$(id -u)" = 0 ]; then sh tools/packages.sh lab && $(MAKE) --no-print-directory dist; fi
	@sh tools/test.sh $(BIN)

# One script a claim, each beside the peer it is measured against. The fleet's needs root and takes some 40 minutes with
# 20 nodes; here it is a small one: five nodes, one round, nothing but the rolling deployment itself.
bench: setup
	@sh tools/packages.sh bench
	@for name in help service plans ingest backup; do echo "== benchmarks/$$name.py"; $(BIN)/python benchmarks/$$name.py || exit 1; done
	@if [ "$$(id -u)" = 0 ]; then sh tools/packages.sh lab && $(MAKE) --no-print-directory dist bench-fleet; \
	  else echo "left out: benchmarks/deploy.py, which boots real hosts, because this is not root"; fi

bench-fleet: setup
	@echo "== benchmarks/deploy.py"; $(BIN)/python benchmarks/deploy.py near --nodes 5 --rounds 1

# Every node with the whole NixOS module set: make nix-eval NIXPKGS=path/to/nixpkgs [FLEET=directory]
nix-eval:
	@sh tools/nix-eval.sh "$(NIXPKGS)" $(FLEET)
