"""The five tools: what each is called, what it reads, how it is started, and who keeps it alive."""

from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"


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
    needs_gpu: bool
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
            niche="the reference trainers; a command line over the same classes that the course uses",
            requirements=None,
            format="prompt-completion",
            command=("trl", "sft", "--config", "config.yaml"),
            needs_gpu=False,
            homepage="https://github.com/huggingface/trl",
            licence="Apache-2.0",
            maintained="yes",
        ),
    )
}
