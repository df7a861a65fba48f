"""`python -m shared.ecosystem TOOL`: make the environment, run, collect, score."""

import argparse
import sys

from shared.artifacts import ArtifactError
from shared.ecosystem.export import ExportError
from shared.ecosystem.run import run_tool
from shared.ecosystem.score import score, scores_in_words
from shared.ecosystem.tools import TOOLS
from shared.models import ModelError
from shared.training import StageError


def main(arguments: list[str] | None = None) -> int:
    """Run one tool; 0 when its result is scored, 1 with one line when something failed."""
    parser = argparse.ArgumentParser(prog="python -m shared.ecosystem", description=__doc__.partition("\n")[0])
    parser.add_argument("tool", choices=list(TOOLS))
    parser.add_argument("--rerun", action="store_true", help="run again although a result is there")
    options = parser.parse_args(arguments)
    try:
        result = run_tool(options.tool, rerun=options.rerun)
        print(scores_in_words(score(result.folder)))
    except (StageError, ArtifactError, ModelError, ExportError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Its result: {result.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
