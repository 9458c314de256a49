# Each target sets up .venv by itself. ARGS adds arguments: make test ARGS="-m slow"
PYTHON ?= python3
ARGS ?=

export HF_HUB_DISABLE_TELEMETRY = 1
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export DVC_NO_ANALYTICS = 1
export TOKENIZERS_PARALLELISM = false
# DVC asks for a name, which a container's user may not have.
export LOGNAME ?= $(or $(USER),$(shell id -un 2>/dev/null),nobody)
# Images set it: each of the many processes would compile what it imports anew.
unexport PYTHONDONTWRITEBYTECODE

# The stages are started as `python -m stages.<name>`: that must be this project's Python.
IN_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH"
PIP := .venv/bin/python -m pip --disable-pip-version-check -qq

# Written so that any older Python can read it and answer.
VERSION_CHECK := import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else \
	"reprotune needs Python 3.11, 3.12 or 3.13; $(PYTHON) is %d.%d. Name another: make PYTHON=python3.12 ..." % v)

.PHONY: help install repro test check bench audit docs

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' Makefile

install: .venv/.installed ## set up .venv, and no more

repro: .venv/.installed ## run the pipeline (only what changed) and end with a summary
	@$(IN_VENV) python -m reprotune check
	@rm -f reports/run.json
	@$(IN_VENV) dvc repro $(ARGS)
	@$(IN_VENV) python -m reprotune summary

test: .venv/.installed ## run the tests but the slow ones, which ARGS="-m slow" runs
	@$(IN_VENV) python -m pytest -n logical --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/.installed ## format, lint, types and the walls between packages
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) ruff check .
	@$(IN_VENV) mypy
	@$(IN_VENV) lint-imports

bench: .venv/.installed ## run the benchmarks
	@$(IN_VENV) python -m benchmarks $(ARGS)

docs: .venv/.installed .venv/docs/.installed ## write docs/reference from the source, and build site/
	@$(IN_VENV) python docs/generate.py
	@NO_MKDOCS_2_WARNING=1 .venv/docs/bin/mkdocs build --strict > .venv/docs/said 2>&1 || \
		{ cat .venv/docs/said >&2; exit 1; } # --quiet would make --strict see no warning
	@echo "site/index.html"

# Strict, for else a package that the service does not answer for would pass.
audit: .venv/audit/.installed ## look the pinned packages up among the known vulnerabilities (needs the network)
	@.venv/audit/bin/pip-audit -r requirements.lock --no-deps --disable-pip --strict --progress-spinner off $(ARGS) \
		> .venv/audit/found 2> .venv/audit/said; code=$$?; \
	cat .venv/audit/found; tail -n 1 .venv/audit/said >&2; \
	test $$code = 0 || test -s .venv/audit/found || echo "make audit: nothing was audited: the service gave no answer;" \
		"see that PyPI can be reached, or ask another: make audit ARGS='-s osv'" >&2; \
	exit $$code

# Tools in places of their own: the packages beside them stay the pinned ones.
.venv/docs/.installed: TOOL := mkdocs-material==9.8.2
.venv/audit/.installed: TOOL := pip-audit==2.10.1
.venv/docs/.installed .venv/audit/.installed: | .venv/.installed
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check -qq install $(TOOL)
	@touch $@

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c '$(VERSION_CHECK)'
	@echo "Installing the pinned packages into .venv: this takes a minute or two, and only now."
	@$(PYTHON) -m venv .venv
	@$(PIP) install --no-compile -r requirements.lock
	@$(PIP) install --no-deps -e .
	@echo "$(CURDIR)" > "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	@touch $@
