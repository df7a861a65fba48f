"""Put the base model where a tool looks for it."""

from pathlib import Path

from shared.ecosystem.recipe import RUNG
from shared.ecosystem.tools import Tool
from shared.models import base_folder, base_spec


def place_base(tool: Tool, folder: Path) -> None:
    """Make `folder` the base of this machine's profile, as a link."""
    source = base_folder(base_spec(rung=RUNG)).resolve()
    if folder.is_symlink() and folder.resolve() == source:
        return
    folder.unlink(missing_ok=True)
    folder.symlink_to(source, target_is_directory=True)
