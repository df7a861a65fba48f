# Every command of the course. `make` alone lists them.
#
#   PYTHON=python3.12   which Python makes the environment
#   VENV=PATH           use another environment, for example VENV="$CONDA_PREFIX"
#
# make itself exits with 2 whenever a command fails; for the exit codes of a check (0 done, 1 not done, 2 cannot
# tell) call `python -m autograder check 02`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
STAMP := $(VENV)/.course-setup
PY := $(BIN)/python

# nbgrader starts `alembic` by name: the environment's programs must come first. Setup alone keeps the old path,
# or it would build the environment with the environment's own Python.
SYSTEM_PATH := $(PATH)
export PATH := $(BIN):$(PATH)
export TOKENIZERS_PARALLELISM := false

# On a CPU a training step makes and drops arrays of megabytes, which the GNU C library gets from the system anew each
# time: a tenth of a step. With these it keeps what it was given.
export MALLOC_MMAP_THRESHOLD_ ?= 1000000000
export MALLOC_TRIM_THRESHOLD_ ?= 1000000000

MODEL ?= qwen2.5-7b
METHOD ?= qlora

.PHONY: help setup lab start demo all-rungs test test-fast lint check-all progress exit capstone doctor fit pretrain bench bench-65b readme screenshots lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { gsub("%", "NN", $$1); printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make the environment and install everything, at the locked versions

$(STAMP): requirements.lock pyproject.toml scripts/setup.sh
	@PATH='$(SYSTEM_PATH)' scripts/setup.sh '$(PYTHON)' '$(VENV)'
	@touch $@

start: $(STAMP) ## copy the rungs' notebooks into work/; never overwrites a file you changed
	@$(PY) -m autograder start

lab: start ## open JupyterLab in work/
	@$(BIN)/jupyter lab --notebook-dir=work

demo: $(STAMP) ## the whole story on the pocket model: release, solve, check, submit, grade
	@$(PY) -m autograder.demo

all-rungs: $(STAMP) ## the solved course from rung 01 to the capstone: time, score and checks of every rung
	@$(PY) -m autograder.all_rungs

doctor: $(STAMP) ## what this machine is, which profile it gets, which rungs fit, whether it can grade
	@$(PY) -m shared.hardware
	@$(PY) -m autograder.sandbox

fit: $(STAMP) ## memory of a training recipe, and which cards it fits: make fit MODEL=qwen2.5-7b METHOD=qlora
	@$(PY) -m shared.memory_fit '$(MODEL)' '$(METHOD)'

check-rung-%: $(STAMP) ## is rung NN done? for example: make check-rung-02
	@$(PY) -m autograder check $*

check-all: $(STAMP) ## check every rung that is built
	@worst=0; for rung in $$($(PY) -m shared.course --built); do \
		$(PY) -m autograder check "$$rung" || { status=$$?; worst=$$(( status > worst ? status : worst )); }; \
	done; exit $$worst

progress: $(STAMP) ## the eleven rungs and the exit items: where you are
	@$(PY) -m autograder progress

exit: $(STAMP) ## the exit check: what is met, what is missing, the next step; writes work/exit.html and the record
	@$(PY) -m autograder exit

capstone: $(STAMP) ## publish your best run as a folder for the hub: make capstone, RUNG=03 to choose, MERGED=1 to merge
	@$(PY) -m autograder capstone $(if $(RUNG),--rung '$(RUNG)') $(if $(MERGED),--merged) \
		$(if $(BASE_ID),--base-id '$(BASE_ID)') $(if $(LICENCE),--licence '$(LICENCE)')

tool-%: $(STAMP) ## rung 11's run with another tool, its environment made first; NN: axolotl, llamafactory, torchtune, trl, unsloth
	@$(PY) -m shared.ecosystem '$*'

grade-rung-%: $(STAMP) ## for instructors: grade rung NN; JOBS=4, SCHEDULER=tls://..., STUDENTS=ada,ben, FORCE=1
	@$(PY) -m autograder.grading '$*' --jobs '$(or $(JOBS),1)' $(if $(SCHEDULER),--scheduler '$(SCHEDULER)') \
		$(if $(STUDENTS),--students '$(STUDENTS)') $(if $(FORCE),--force)

same-work-rung-%: $(STAMP) ## for instructors: which submissions of rung NN hold the same work
	@$(PY) -m autograder.same_work '$*'

test: $(STAMP) ## every test, the solved notebooks executed; JOBS=4 for four at a time (default: 2)
	@$(PY) -m pytest -m "" --numprocesses $(or $(JOBS),2)

test-fast: $(STAMP) ## the tests without the slow ones
	@$(PY) -m pytest -m "not slow" --numprocesses $(or $(JOBS),2)

lint: $(STAMP) ## ruff
	@$(BIN)/ruff check

bench: $(STAMP) ## measure what the README quotes
	@$(PY) -m autograder.bench

bench-65b: $(STAMP) ## on a GPU of 48 GB: 65 billion parameters quantized and trained, in a minute
	@$(PY) scripts/bench_65b.py

screenshots: $(STAMP) ## take docs/'s pictures of formgrader and JupyterLab again, in Chromium; make demo first
	@$(PY) scripts/screenshots.py

readme: $(STAMP) ## rewrite the generated parts of README.md from course.yml
	@$(PY) -m shared.readme

pretrain: $(STAMP) ## make the pocket base model again, from nothing
	@$(PY) -m shared.pocket.pretrain

text-rung-%: $(STAMP) ## write rung NN's notebook as text/rung-NN-slug.py, to edit it there
	@name="$$($(PY) -m shared.course --folder $*)"; \
	$(PY) scripts/notebook_text.py write "rungs/$$name/$$name.ipynb" "text/$$name.py"

build-rung-%: $(STAMP) ## carry the edited text back into rung NN's notebook
	@name="$$($(PY) -m shared.course --folder $*)"; \
	$(PY) scripts/notebook_text.py read "rungs/$$name/$$name.ipynb" "text/$$name.py"

# With the oldest Python that is served, or the lock holds releases that it cannot install.
lock: ## resolve pyproject.toml afresh into requirements.lock; with PYTHON=the oldest one served
	@scripts/lock.sh '$(PYTHON)'

# The pocket profile needs no network; saying so makes a forgotten download an error instead of a wait.
test test-fast demo all-rungs bench: export COURSE_PROFILE ?= pocket
ifneq ($(COURSE_PROFILE),gpu)
test test-fast demo all-rungs bench: export HF_HUB_OFFLINE := 1
endif
