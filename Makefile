# The course runs in the environment .venv, and the book is built in .venv-book; both are made on first use and whenever
# what they need changes. (Colab's versions and older ones have environments of their own.) Any of Python 3.11 to 3.13
# serves; name another with: make lab PYTHON=/path/to/python

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# (Make 4.3 and older hand `shell` the environment as it came, so what is unexported below is unset here.)
PYTHON ?= $(shell unset PYTHONPATH PYTHONHOME; for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c "$(SUPPORTED)" 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
BOOK := .venv-book/bin
# A .venv whose Python has gone (an upgrade, a folder copied from elsewhere) is made anew.
GONE := $(shell unset PYTHONPATH PYTHONHOME; test ! -e .venv/ready || $(BIN)/python -c "" 2>/dev/null || rm -f .venv/ready)
# A pip that is told to install for the user (often so on a cluster) refuses to install into an environment, and one that
# is told of another place (so in a Nix shell) installs there.
export PIP_USER := 0
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON
# What another Python should import (the modules of a cluster, ROS) would come before the packages of .venv, and another
# Jupyter's kernel before the one of .venv.
unexport PYTHONPATH PYTHONHOME JUPYTER_PATH
# Jupyter does not start for root (in a container, on most cloud machines) unless it is told to.
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab test notebooks book book-test slides pages gallery colab matrix bench mutants browser-test lint \
	constraints clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

lab: .venv/ready  ## open JupyterLab on the notebooks
	@echo "JupyterLab opens in your browser. If it does not, open the http address that appears below. Ctrl-C twice ends it."
	@$(BIN)/python -m jupyterlab --ip=127.0.0.1 --Application.log_level=ERROR $(AS_ROOT) --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks

test: .venv/ready  ## run every notebook and the tests, but for those of the book and in a browser
	$(BIN)/python -m pytest

notebooks: .venv/ready  ## execute the notebooks and save their outputs (one only: make notebooks ONLY=notebooks/01*)
	$(BIN)/python -m tests.execute $(ONLY)

book: .venv-book/ready  ## build the book in build/book, to read without Python and without a network
	$(BOOK)/python -m sphinx -W --keep-going -q -d build/doctrees -c docs . build/book
	@echo "Open build/book/index.html."

slides: .venv-book/ready  ## make slides of the notebooks in build/slides, to show without a network (one only: make slides ONLY=notebooks/01*)
	$(BOOK)/python -m jupyter nbconvert --to slides --config docs/slides/config.py --log-level WARN --output-dir build/slides $(or $(ONLY),notebooks/*.ipynb)
	@echo "Open a file of build/slides in a browser. F fills the screen, the right arrow goes on."

book-test: .venv-book/ready  ## test book and slides, in a browser too where there is Chromium, by axe-core too where there is npm
	@command -v npm >/dev/null && npm install --silent --no-save --no-package-lock axe-core@4.14.1 || echo "No npm: axe-core is left out."
	$(BOOK)/python -m pytest --noconftest -o addopts="" -rs tests/test_book.py tests/test_decks.py

pages: .venv/ready  ## write docs/symptoms.md and docs/trust.md anew, from the notebooks and from utils/trust.py
	$(BIN)/python -m tests.trust_page
	$(BIN)/python -m tests.symptoms

gallery: .venv/ready  ## audit every fault of tests/zoo, and write what was said to docs/gallery.md
	$(BIN)/python -m tests.zoo

colab:  ## run each notebook alone, with the versions that Colab ships (needs Python 3.13)
	python3.13 -m venv .venv-colab
	.venv-colab/bin/pip install --quiet -r tests/colab/requirements.txt
	.venv-colab/bin/python -m tests.release $(ONLY)

# Python, TensorFlow, and the Keras of its time; one alone: make matrix VERSIONS=3.11-2.18-3.8
VERSIONS ?= 3.11-2.18-3.8 3.12-2.19-3.9 3.13-2.20-3.13 3.13-2.21-3.15

matrix: $(VERSIONS:%=versions-%)  ## run all tests with each TensorFlow in session.VERIFIED (needs these Pythons)

versions-%: .requirements.in
	python$(word 1,$(subst -, ,$*)) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet -r .requirements.in "tensorflow==$(word 2,$(subst -, ,$*)).*" "keras==$(word 3,$(subst -, ,$*)).*"
	.venv-$*/bin/python -m pytest

bench: .venv/ready  ## measure how fast notebooks, loops and helpers are (a quarter of an hour; some only: make bench ONLY=notebooks/01*)
	$(BIN)/python -m tests.bench $(ONLY)

mutants: .venv/ready  ## change the code in about 150 places, and list what no test notices (two hours or more; a part only: make mutants ONLY=utils/data)
	nice $(BIN)/python -m tests.mutants $(ONLY)

browser-test: .venv/ready  ## run two notebooks in JupyterLab in a browser (needs Chromium and chromedriver)
	$(BIN)/pip install --quiet -c constraints.txt selenium
	$(BIN)/python -m pytest tests/test_browser.py -o addopts="" -rs

lint: .venv/ready  ## check the style of code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

constraints: .venv/ready .requirements.in  ## pin the versions anew, for every platform
	$(BIN)/pip install --quiet uv
	grep -v '^-c' docs/requirements.txt | $(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.11 \
		--no-header --no-annotate .requirements.in - --output-file constraints.txt

clean:  ## remove the environments and what tests left
	rm -rf .venv .venv-* .requirements.in .pytest_cache .ruff_cache build node_modules

# What is needed, free of the pins.
.requirements.in: requirements.txt
	grep -v '^-c' requirements.txt > $@

.venv/ready: requirements.txt constraints.txt
.venv-book/ready: docs/requirements.txt constraints.txt

# Always made anew: what an interrupted pip leaves behind can pass for a package that is installed. By the Python under
# $(PYTHON), which may be the .venv that goes, where that is active. And `ready` is not older than what it was made from,
# also where that was written by a clock that was ahead.
.venv/ready .venv-book/ready:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed, and none was found. Install one, or name it: make PYTHON=..."; exit 1; }
	@"$(PYTHON)" -c "$(SUPPORTED)" 2>/dev/null || { echo "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is none of them. Name another: make PYTHON=..."; exit 1; }
	@echo "Making the environment $(@D): this takes a minute or more, once."
	@base=$$("$(PYTHON)" -c "import sys; print(sys._base_executable)") && rm -rf $(@D) && "$$base" -m venv $(@D)
	@{ $(@D)/bin/python -m pip install --upgrade pip && $(@D)/bin/python -m pip install -r $<; } \
		|| { echo "The packages of $< could not be installed. The first time they come from the network: is there one?"; exit 1; }
	@touch $@; for file in $^; do if test $$file -nt $@; then touch -r $$file $@; fi; done
