"""The five tools: what each is called, what it reads, how it is started, and who keeps it alive."""

from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
COMPONENTS = Path(__file__).parent / "components"


@dataclass(frozen=True)
class Tool:
    """One tool; `package` is its name on PyPI.

    `command` runs in the tool's folder. `requirements` is None where the course's environment serves. `format` is a key
    of `shared.ecosystem.export.FORMATS`; `maintained` says in words what was found, where and when.
    """

    name: str
    package: str
    title: str
    niche: str
    requirements: Path | None
    format: str
    command: tuple[str, ...]
    homepage: str
    licence: str
    maintained: str


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            name="trl",
            package="trl",
            title="TRL's command line",
            niche=(
                "the reference trainers of the Hugging Face libraries. Unsloth trains with them; Axolotl and "
                "LLaMA-Factory stand on the same transformers"
            ),
            requirements=None,
            format="prompt-completion",
            command=("trl", "sft", "--config", "config.yaml"),
            homepage="https://github.com/huggingface/trl",
            licence="Apache-2.0",
            maintained="yes: release 1.16 in October 2026 (PyPI, looked up in November 2026)",
        ),
        Tool(
            name="axolotl",
            package="axolotl",
            title="Axolotl",
            niche="one YAML file from raw rows to the merged model, checked against a schema; many GPUs by one key",
            requirements=REQUIREMENTS / "axolotl.txt",
            format="segments",
            command=("axolotl", "train", "config.yaml"),
            homepage="https://github.com/axolotl-ai-cloud/axolotl",
            licence="Apache-2.0",
            maintained=(
                "yes: release 0.21 in October 2026 (PyPI, looked up in November 2026). It asks for Python 3.12; "
                "for 3.11 the last one is 0.19"
            ),
        ),
        Tool(
            name="llamafactory",
            package="llamafactory",
            title="LLaMA-Factory",
            niche="the widest list of models and templates, and a web page for those who write no YAML",
            requirements=REQUIREMENTS / "llamafactory.txt",
            format="alpaca",
            command=("llamafactory-cli", "train", "config.yaml"),
            homepage="https://github.com/hiyouga/LLaMA-Factory",
            licence="Apache-2.0",
            maintained=(
                "yes, at longer intervals: release 0.9.5 in May 2026 (PyPI; its pull request 10532). It stops at "
                "transformers 5.6 and TRL 0.24"
            ),
        ),
        Tool(
            name="unsloth",
            package="unsloth",
            title="Unsloth",
            niche="its own kernels behind TRL's interface, aimed at less memory and time, mostly on one GPU",
            requirements=REQUIREMENTS / "unsloth.txt",
            format="prompt-completion",
            command=("python", str(COMPONENTS / "unsloth_sft.py"), "config.yaml"),
            homepage="https://github.com/unslothai/unsloth",
            licence="Apache-2.0; its unsloth_zoo LGPL-3.0, its studio and command line AGPL-3.0",
            maintained="yes: nine releases in October 2026, 2026.10.9 the newest (PyPI, looked up in November 2026)",
        ),
        Tool(
            name="torchtune",
            package="torchtune",
            title="torchtune",
            niche="plain PyTorch recipes to read and change, without the transformers library",
            requirements=REQUIREMENTS / "torchtune.txt",
            format="prompt-completion",
            command=("tune", "run", "lora_finetune_single_device", "--config", "config.yaml"),
            homepage="https://github.com/meta-pytorch/torchtune",
            licence="BSD-3-Clause",
            maintained=(
                "no: active development stopped in July 2025 (its issue 2883), its README says that it is no longer "
                "actively maintained, and the last release is 0.6.1 of April 2025"
            ),
        ),
    )
}
