"""What is packaged: a finished run's records, and the public name and licence of the base it started from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.artifacts import BaseRecord, EvalRecord, LossCurve, RunRecord, fingerprint_model, read_json
from shared.capstone import CapstoneError
from shared.course import Course, Rung
from shared.pocket import BASE as POCKET_BASE

LICENCE = "apache-2.0"  # of every base that course.yml names; it says so beside each of them
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class PublicBase:
    """A base under the name by which others can find it. `folder`: its files travel along, for want of a hub."""

    id: str
    revision: str | None
    licence: str
    folder: Path | None = None


@dataclass(frozen=True)
class Source:
    """A finished run. `checked` are the checker's lines about it: what was asked, what was observed."""

    rung: Rung
    stage: Path
    run: RunRecord
    curve: LossCurve
    evaluation: EvalRecord
    base: PublicBase
    checked: Sequence[tuple[str, str]] = ()

    @property
    def is_adapter(self) -> bool:
        """Whether the run saved an adapter, and not a whole model."""
        return (self.stage / "adapter_model.safetensors").is_file()

    @property
    def private_name(self) -> str | None:
        """The base's name on this machine, where it is not its public one: a folder's, and nobody's business."""
        return None if self.run.base.id == self.base.id else self.run.base.id

    def public_run(self) -> RunRecord:
        """Return run.json as it may be published."""
        return self.run.model_copy(update={"base": self._public_record()})

    def public_evaluation(self, entries: list | None = None) -> EvalRecord:
        """Return eval.json as it may be published, with other entries if any are given."""
        changes = {"base": self._public_record()} | ({} if entries is None else {"entries": entries})
        return self.evaluation.model_copy(update=changes)

    def _public_record(self) -> BaseRecord:
        return BaseRecord(id=self.base.id, revision=self.base.revision, fingerprint=self.run.base.fingerprint)


def read_source(
    course: Course,
    rung: Rung,
    folder: Path,
    stage: str,
    *,
    checked: Sequence[tuple[str, str]] = (),
    base_id: str | None = None,
    licence: str | None = None,
) -> Source:
    """Return the run that the rung's `folder` holds. Raises ArtifactError or CapstoneError, one line."""
    place = folder / "artifacts" / stage
    run = read_json(place / "run.json", RunRecord, within=folder)
    curve = read_json(place / "loss_curve.json", LossCurve, within=folder)
    evaluation = read_json(folder / "artifacts" / "eval.json", EvalRecord, within=folder)
    return Source(rung, place, run, curve, evaluation, public_base(course, run, base_id, licence), checked)


def public_base(course: Course, run: RunRecord, base_id: str | None, licence: str | None) -> PublicBase:
    """Return the base's public name: the course's own, or what the learner says of a local copy.

    Raises CapstoneError when a base is known by the name of a folder alone: that name may be private, and whose model
    it is, under which licence, only the learner knows.
    """
    specs = [profile.base for profile in course.profiles.values()]
    specs += [spec for rung in course.rungs for spec in rung.bases.values()]
    for spec in specs:
        # A folder may bear any name: the files that would travel along must be those that were trained on.
        if run.base.id == spec.id and (not spec.path or run.base.fingerprint == fingerprint_model(POCKET_BASE)):
            return PublicBase(spec.id, spec.revision, LICENCE, POCKET_BASE if spec.path else None)
    if base_id is None or licence is None:
        raise CapstoneError(
            f"run.json: the base is a folder of this machine ({run.base.id!r}), and others need its public name. "
            "Say which model it is and its licence: make capstone BASE_ID=owner/name LICENCE=apache-2.0"
        )
    if not HUB_ID.fullmatch(base_id):
        raise CapstoneError(f"base id: expected a name on the hub such as owner/name, got {base_id!r}")
    return PublicBase(base_id, None, licence)
