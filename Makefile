# The project's commands, each with all that it needs: `make demo` on a fresh machine asks for
# nothing but GNU make and a Python that pyproject.toml accepts.
#
#   make demo PYTHON=python3.12     another Python, when .venv is made
#   make test ARGS="-k aligner"     options for pytest

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two pips at once would break one environment.
.NOTPARALLEL:

.PHONY: help demo test browser figures bench-attribution bench-networks bench-extraction bench-claims bench-selectors bench-explanations bench-report bench-engines bench-facial-actions bench-onnx bench-live bench-smoothing bench-leakage fuzz endurance lint docs wheel constraints clean

help: ## print this list
	@echo "usage: make TARGET"
	@sed -n 's/^\([a-z-]*\):.*## /    \1\t/p' Makefile | expand -t 23

demo: $(VENV)/installed ## find the landmarks of a smile; writes demo_output/
	$(BIN)/python -m sklearn_temo demo

# Each worker would otherwise start as many threads as there are cores.
test: export OMP_NUM_THREADS = 1
test: export MPLBACKEND = Agg
test: $(VENV)/installed-test browser ## run the tests and the examples of the docstrings
	$(BIN)/python -m pytest -n 2 $(ARGS)

figures: $(VENV)/installed-test ## print the figures by which the pipeline is judged
	$(BIN)/python -m benchmarks.pipeline_figures

bench-attribution: $(VENV)/installed-test ## print how fast and exact the attribution is
	$(BIN)/python -m benchmarks.attribution

bench-networks: export OMP_NUM_THREADS = 1
bench-networks: $(VENV)/installed-test ## print how the trained and the randomized networks compare
	$(BIN)/python -m benchmarks.networks $(ARGS)

bench-extraction: $(VENV)/installed-test ## print how fast clips become landmarks, and survive faults
	$(BIN)/python -m benchmarks.extraction
	$(BIN)/python -m benchmarks.extraction_faults

bench-claims: export OMP_NUM_THREADS = 1
bench-claims: $(VENV)/installed-test ## test the paper's claims on people never seen; writes docs/claims
	$(BIN)/python -m benchmarks.claims $(ARGS)

bench-selectors: export OMP_NUM_THREADS = 1
bench-selectors: $(VENV)/installed-bench ## compare the selector with other selection methods
	$(BIN)/python -m benchmarks.selectors $(ARGS)

bench-explanations: export OMP_NUM_THREADS = 1
bench-explanations: $(VENV)/installed-test ## compare Integrated Gradients with other explanations
	$(BIN)/python -m benchmarks.explanations $(ARGS)
	$(BIN)/python -m benchmarks.clip_explanations

bench-report: export OMP_NUM_THREADS = 1
bench-report: $(VENV)/installed-test ## print the seconds and the size of reports of 231 clips
	$(BIN)/python -m benchmarks.report $(ARGS)

bench-engines: export OMP_NUM_THREADS = 1
bench-engines: $(VENV)/installed-test ## compare the two engines: landmarks, speed, connections
	$(BIN)/python -m benchmarks.engines $(ARGS)

bench-facial-actions: export OMP_NUM_THREADS = 1
bench-facial-actions: $(VENV)/installed-test ## compare landmarks, blendshapes, and both
	$(BIN)/python -m benchmarks.blendshapes
	$(BIN)/python -m benchmarks.facial_actions $(ARGS)

bench-onnx: export OMP_NUM_THREADS = 1
bench-onnx: $(VENV)/installed-test ## compare ONNX graphs with torch, and saved models with pickles
	$(BIN)/python -m benchmarks.onnx_graphs
	$(BIN)/python -m benchmarks.saving

bench-live: export OMP_NUM_THREADS = 1
bench-live: $(VENV)/installed-test ## print the frame rate of live prediction
	$(BIN)/python -m benchmarks.live $(ARGS)

bench-smoothing: export OMP_NUM_THREADS = 1
bench-smoothing: $(VENV)/installed-test ## print the jitter of landmarks, and what smoothing changes
	$(BIN)/python -m benchmarks.smoothing

bench-leakage: export OMP_NUM_THREADS = 1
bench-leakage: $(VENV)/installed-test ## measure wrong ways to evaluate; writes docs/benchmarks
	$(BIN)/python -m benchmarks.leakage $(ARGS)

fuzz: $(VENV)/installed-test ## read 2,000 damaged files of 40 formats, and count what happens
	$(BIN)/python -m benchmarks.fuzz $(ARGS)

endurance: export OMP_NUM_THREADS = 1
endurance: $(VENV)/installed-test ## find leaks in 2,000 extractions and 500 fits
	$(BIN)/python -m benchmarks.endurance $(ARGS)

lint: $(VENV)/installed-lint ## check style, spelling, docstrings and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	find sklearn_temo -name '*.py' -exec $(BIN)/numpydoc lint {} +
	$(BIN)/mypy

docs: export OMP_NUM_THREADS = 1
docs: export MPLBACKEND = Agg
docs: $(VENV)/installed-docs $(VENV)/installed-test browser ## check and build the documentation
	$(BIN)/python -m pytest -q -n 2 --doctest-glob='*.rst' docs/*.rst docs/user_guide docs/project
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	$(BIN)/python docs/check_pages.py docs/_build/html

# The wheel is built from the source archive, so that a file missing there is missed at once.
wheel: $(VENV)/installed-test ## build the source archive and the wheel into dist/, and check them
	rm -rf build dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*

# In an environment of its own, so that what somebody installed by hand stays out. torch keeps the
# version that the file says, since its builds differ from machine to machine: raise it there.
constraints: ## pin the newest versions of everything in constraints.txt
	rm -rf build/newest
	$(PYTHON) -m venv build/newest
	grep '^torch==' constraints.txt > build/newest/torch.txt
	build/newest/bin/python -m pip install --upgrade pip
	build/newest/bin/python -m pip install -c build/newest/torch.txt -e '.[test,lint,docs]'
	{ grep '^#' constraints.txt && build/newest/bin/python -m pip list --format=freeze \
		--exclude-editable --exclude pip | sed 's/+.*//'; } > build/newest/constraints.txt
	mv build/newest/constraints.txt constraints.txt
	rm -rf build/newest

# The page of a report and those of the documentation are tested in a browser, which pip cannot
# install.
browser:
	@command -v chromium > /dev/null && command -v chromedriver > /dev/null || \
	if grep -qsx ID=debian /etc/os-release && [ "$$(id -u)" = 0 ]; then \
		apt-get -qq update && apt-get -qq install -y chromium chromium-driver; \
	else \
		echo "make: chromium and chromedriver are not on the PATH: the tests of pages in a" \
			"browser are skipped; on Debian, install chromium and chromium-driver" >&2; \
	fi

clean: ## remove what the other targets made, except .venv
	rm -rf build dist sklearn_temo.egg-info demo_output .hypothesis .mypy_cache .pytest_cache \
		.ruff_cache docs/_build docs/auto_examples docs/tutorial docs/api/generated \
		docs/sg_execution_times.rst
	find . -path ./$(VENV) -prune -o -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@command -v '$(PYTHON)' > /dev/null || { \
		echo "make: no $(PYTHON) on the PATH; pass one: make demo PYTHON=/path/to/python3" >&2; \
		exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: $(PYTHON) is $$('$(PYTHON)' --version 2>&1), but 3.11 or newer is needed;" \
			"pass one: make demo PYTHON=/path/to/python3" >&2; \
		exit 1; }
	'$(PYTHON)' -m venv $(VENV) || { \
		echo "make: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu," \
			"install python3-venv" >&2; \
		exit 1; }

# An empty file stands for what is installed; a newer pyproject.toml or constraints.txt outdates it.
$(VENV)/installed: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(INSTALL) -e .
	@touch $@

$(VENV)/installed-%: $(VENV)/installed
	$(INSTALL) -e '.[$*]'
	@touch $@
