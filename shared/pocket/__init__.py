"""The pocket base model: a small Llama that ships with the course, and the recipe that makes it from nothing."""

from pathlib import Path

BASE = Path(__file__).parent / "base"
