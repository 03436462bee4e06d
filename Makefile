# Needs Python, make and a package index; each environment is made once, and again when setup.cfg or pyproject.toml
# changes.
#   make demo   install into .venv and classify a photo
#   make test   lint, types and all tests
#   make quick  lint, types and the runtime's tests that are not marked slow, in less than a minute
#   make lint   lint and types of the runtime, and whether docs/cli.md is up to date
#   make docs   write docs/cli.md from `--help`
#   make test-runtime ARGS="-k journal"   some of the runtime's tests; pytest takes ARGS, and so do the other suites
#   make wheel  build the wheel into dist/
#   make page-runtime  fetch from npm what `cloudedge page` puts into its folders: onnxruntime for browsers
#   make dist-branch  write the branch `dist`, to install from; see below
#   make load   200 requests to the server in a minute, good, bad, huge and slow ones
#   make harden bad input, properties and faults, and what they cost
#   make soak   100,000 photos, and two hours of watching, for the memory and the open files
#   make fuzz   each of the fuzzers in tests/fuzz for MINUTES=2
#   make mutants      which small changes of the runtime's core its tests do not notice; see docs/mutants.md
#   make coverage     the runtime's tests, and which lines and branches of cloudedge they reach
#   make test-lowest  the runtime's tests and `harden` with the lowest versions that setup.cfg allows
#   make bench  measure beside the smallest scripts (SECTIONS="process warm folder inference archive")
#   make bench-all  beside torch, fastai, OpenVINO and ncnn too: 8 GB
#   make test-homeassistant  show a real Home Assistant what watch publishes; needs root
#   make test-arm64  run the runtime's tests in an emulated Debian for arm64; needs root

PYTHON ?= python3
MINUTES ?= 2
ARGS ?=
SUITES = lint test-runtime harden test-browser test-packaging test-export
PYTEST = .venvs/runtime/bin/python -m pytest
PAGE_RUNTIME = cloudedge/page/runtime

.PHONY: demo test quick bench bench-all load soak fuzz mutants test-arm64 test-homeassistant test-lowest coverage wheel dist-branch docs page-runtime $(SUITES)

demo: .venv/installed
	.venv/bin/cloudedge classify examples/cumulus.jpg

# Every suite runs, even after one has failed; the last lines say how each ended.
test:
	@mkdir -p .venvs; rm -f .venvs/*.log .venvs/*.failed
	@for suite in $(SUITES); do \
	    echo "== $$suite"; \
	    { $(MAKE) --no-print-directory $$suite || touch .venvs/$$suite.failed; } 2>&1 | tee .venvs/$$suite.log; \
	done
	@echo "== summary"
	@for suite in $(SUITES); do \
	    if [ -e .venvs/$$suite.failed ]; then echo "FAILED $$suite"; \
	    else echo "passed $$suite: $$(tail -n 1 .venvs/$$suite.log)"; fi; \
	done
	@! ls .venvs/*.failed >/dev/null 2>&1

lint: .venvs/runtime/installed
	.venvs/runtime/bin/ruff check
	.venvs/runtime/bin/ruff format --check
	.venvs/runtime/bin/mypy cloudedge examples
	.venvs/runtime/bin/python scripts/cli_docs.py --check

docs: .venvs/runtime/installed
	.venvs/runtime/bin/python scripts/cli_docs.py

quick: lint
	$(PYTEST) --quiet --numprocesses auto -m "not slow" $(ARGS) tests/runtime tests/test_readme.py

test-runtime: .venvs/runtime/installed
	$(PYTEST) --numprocesses auto $(ARGS) tests/runtime tests/test_readme.py

test-browser: .venvs/runtime/installed page-runtime
	$(PYTEST) $(ARGS) tests/browser

load: .venvs/runtime/installed
	CLOUDEDGE_LOAD_REQUESTS=200 CLOUDEDGE_LOAD_SECONDS=60 .venvs/runtime/bin/python -m pytest -s tests/runtime/serve/test_load.py

harden: .venvs/runtime/installed
	$(PYTEST) $(ARGS) tests/hardening

soak: .venvs/runtime/installed
	.venvs/runtime/bin/python tests/hardening/soak.py

fuzz: .venvs/fuzz/installed
	.venvs/fuzz/bin/python tests/fuzz/run.py $(MINUTES)

test-packaging: .venvs/runtime/installed
	$(PYTEST) $(ARGS) tests/packaging

# A training of such small networks gains little by a second thread. What the tests of a file share is made once.
test-export: .venvs/export/installed
	.venvs/export/bin/mypy export
	OMP_NUM_THREADS=1 .venvs/export/bin/python -m pytest --numprocesses auto --dist loadfile $(ARGS) tests/export tests/runtime/test_cli_ray.py

# Installed as users have it: an editable install starts more slowly.
bench: .venvs/bench/installed
	.venvs/bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall .
	.venvs/bench/bin/python -m benchmarks $(SECTIONS)

# Torch and the other engines take 8 GB. Where fastai does not install, it is left out.
bench-all: .venvs/bench/installed
	.venvs/bench/bin/python -m pip install --quiet --disable-pip-version-check --group bench
	-.venvs/bench/bin/python -m pip install --quiet --disable-pip-version-check fastai
	$(MAKE) bench

# Programs and threads that the tests start count too; see pyproject.toml. Where files may not grow, coverage itself
# cannot write either, and says so where the test wants one line.
coverage: .venvs/runtime/installed
	.venvs/runtime/bin/python -m coverage erase
	.venvs/runtime/bin/python -m coverage run -m pytest tests/runtime \
	    --deselect tests/runtime/cli/test_folders.py::test_a_full_disk_is_one_line_and_leaves_whole_rows
	.venvs/runtime/bin/python -m coverage combine --quiet
	.venvs/runtime/bin/python -m coverage report

# The mutants themselves stay in the folder mutants, for `mutmut show NAME`.
mutants: .venvs/mutants/installed
	rm -rf mutants
	.venvs/mutants/bin/mutmut run
	.venvs/mutants/bin/mutmut results
	@.venvs/mutants/bin/mutmut results --all true | sed -E 's/^ *(cloudedge(\.[a-z_]+)+)\.x.*:/\1:/' | sort | uniq -c

test-lowest: .venvs/lowest/installed
	.venvs/lowest/bin/python -m pytest $(ARGS) tests/runtime tests/hardening

test-arm64: .venvs/runtime/installed
	scripts/test-arm64

test-homeassistant: .venvs/runtime/installed
	scripts/test-homeassistant $(ARGS)

# What an earlier build has left must not get into it.
wheel: .venv/installed page-runtime
	rm -rf build dist
	.venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls -l dist

# npm checks what it fetches against npm/package-lock.json, and goes through the user's own registry or proxy. The wasm is
# kept compressed, as the pages serve it. The package has no notices of third parties; the one for Python has the same.
page-runtime: $(PAGE_RUNTIME)/ort.js
$(PAGE_RUNTIME)/ort.js: npm/package.json npm/package-lock.json | .venv/installed
	@command -v npm >/dev/null || { echo "npm is missing; on Debian: apt-get install npm" >&2; exit 1; }
	npm ci --prefix npm --ignore-scripts --no-audit --no-fund
	mkdir -p $(@D)
	gzip -9 -n -c npm/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm >$(@D)/ort.bin
	cd $$(.venv/bin/python -c 'import onnxruntime, os; print(os.path.dirname(onnxruntime.__file__))') && \
	    cat LICENSE ThirdPartyNotices.txt >$(abspath $(@D))/onnxruntime-notices.txt
	cp npm/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs $@

# Installing needs no weights for training, of which the history holds many versions, and no tests:
# `uv tool install git+ADDRESS@dist` fetches 22 MB. pip and pipx fetch the last commit of the default branch too, 67 MB;
# give them a clone of this branch instead. It is always one commit, so push it with --force.
dist-branch: export GIT_INDEX_FILE = $(shell git rev-parse --absolute-git-dir)/index-of-dist
dist-branch:
	git read-tree HEAD
	git rm --quiet --cached -r tests 'models/*.safetensors'
	git branch --force dist $$(git commit-tree -m "cloudedge without tests and weights for training" $$(git write-tree))
	rm "$$GIT_INDEX_FILE"

.venv/installed: NEEDS = --editable .
.venvs/runtime/installed: NEEDS = --editable '.[camera,heic,mqtt,serve,watch]' --group test --group packaging --group browser --group lint
.venvs/export/installed: NEEDS = --editable '.[export,ray,watch]' --group test --group lint
.venvs/bench/installed: NEEDS = --editable .
.venvs/fuzz/installed: NEEDS = --editable '.[heic,serve]' --group fuzz
.venvs/mutants/installed: NEEDS = --editable '.[heic,watch]' --group test --group mutants

ENVIRONMENTS = .venv $(addprefix .venvs/,runtime export bench fuzz mutants)
PIP = $(@D)/bin/python -m pip --quiet --disable-pip-version-check
MODERN_PIP = 'pip >=25.1'  # the first that knows groups; a new environment may get an older one

$(ENVIRONMENTS:=/installed): setup.cfg pyproject.toml
	$(PYTHON) -m venv --clear $(@D)
	$(PIP) install $(MODERN_PIP)
	$(PIP) install $(NEEDS)
	touch $@

# pip keeps the versions that uv has chosen.
.venvs/lowest/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv --clear $(@D)
	$(PIP) install $(MODERN_PIP) uv
	$(@D)/bin/uv pip install --quiet --python $(@D) --resolution lowest-direct --editable '.[camera,heic,mqtt,serve,watch]'
	$(PIP) install --editable '.[camera,heic,mqtt,serve,watch]' --group test
	touch $@
