"""Importing the course's modules must cost nothing: no heavy library comes along."""

import subprocess
import sys

from shared.course import ROOT

HEAVY = {"torch", "transformers", "datasets", "evaluate", "trl", "peft", "matplotlib"}


def test_no_module_of_shared_imports_a_heavy_library():
    names = sorted(f"shared.{path.stem}" for path in (ROOT / "shared").glob("[a-z]*.py"))
    assert "shared.training" in names
    imports = f"import sys, importlib\nfor name in {names}: importlib.import_module(name)\n"
    code = imports + f"print({HEAVY} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT) == "set()\n"
