# The verbs of the project; each is a line or two, the work lies in `python -m …`.
PYTHON ?= $(firstword $(shell command -v python3.11 python3))
PY := .venv/bin/python
RASA_PYTHON ?= $(firstword $(shell command -v python3.11 python3.10))
RASA_LOCK = training_data/rasa/requirements-py$(subst .,,$(shell $(RASA_PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')).lock.txt
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup setup-dev rasa-setup run chat train publish voice-model check-knowledge test check lint types imports fix evaluate bench chaos clean
help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

.venv/.made: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "Python 3.11 is needed, found " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --editable '.[voice]'
	@touch $@

.venv/.made-dev: .venv/.made
	$(PY) -m pip install --quiet --editable '.[voice,dev]'
	@touch $@

.venv-rasa/.made: $(wildcard training_data/rasa/*.lock.txt)
	@if [ -z "$(RASA_PYTHON)" ]; then echo "Rasa needs python3.11 or python3.10; the local engine will answer alone"; else \
	  $(RASA_PYTHON) -m venv .venv-rasa && .venv-rasa/bin/python -m pip install --quiet --no-deps --ignore-requires-python -r $(RASA_LOCK) && touch $@ \
	  || { echo "Rasa's environment could not be made; the local engine will answer alone"; rm -rf .venv-rasa; }; fi

setup: .venv/.made  ## the main environment
setup-dev: .venv/.made-dev  ## … with what tests and checks need
rasa-setup:  ## Rasa's own environment (if it can't be made, the local engine answers alone)
	@$(MAKE) --no-print-directory .venv-rasa/.made
run: setup rasa-setup  ## everything: environments, training, service (PORT, YIDA_HOME)
	@exec $(PY) -m bot serve
chat: setup  ## talk in the terminal
	@$(PY) -m bot chat
train: setup  ## what is missing or changed: encoder, classifier, index, Rasa
	$(PY) -m bot prepare
	$(PY) -m bot train-rasa
publish: setup  ## build the files' knowledge and switch running workers to it
	$(PY) -m bot publish
voice-model: setup  ## the small Chinese model for calls and microphones (42 MB, resumable)
	@$(PY) -m channels.voice.model
check-knowledge: setup  ## every entry against schema, sources, dates, duplicates
	$(PY) -m knowledge_base check
test: setup-dev rasa-setup  ## all tests; names what a missing system part would skip
	$(PY) -m pytest -n auto --dist loadgroup --cov --cov-report=term $(TESTS)
lint: setup-dev  ## style and words
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m codespell_lib README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md docs bot channels/*.py channels/*/*.py knowledge_base/*.py tests --skip '*.jsonl,*.yml' --ignore-words-list exten
types: setup-dev  ## strict types
	$(PY) -m mypy
imports: setup-dev  ## who may import whom
	.venv/bin/lint-imports
check: lint types imports check-knowledge test  ## the gate, the same in CI
fix: setup-dev  ## what ruff can mend by itself
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
evaluate: setup-dev rasa-setup  ## answer quality by topic and kind (QUESTIONS=file.jsonl)
	$(PY) -m bot evaluate $(QUESTIONS)
bench: setup-dev rasa-setup  ## speed and memory beside a bare app, into docs/bench.md (ARGS="--only talk")
	$(PY) -m tests.bench $(ARGS)
chaos: setup-dev rasa-setup  ## whole processes killed, neighbours away for 30 s, hundreds of people
	CHAOS=full $(PY) -m pytest tests/stories tests/bot/store/test_queue.py
clean:  ## what can be made again
	rm -rf var .pytest_cache .mypy_cache .ruff_cache .coverage* build *.egg-info
