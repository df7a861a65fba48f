"""Rung 11's situations: the tools that are accepted for each, with the reasons that may decide it.

Where two tools can be argued, both stand here. TRL's command, too, splits a run by a line in a file
(`accelerate_config`). As in rung 01 the key is no secret in an open course; the argument in the learner's own words,
which a human reads, is where the points for thinking are.
"""

KEY: dict[str, dict[str, tuple[str, ...]]] = {
    "amina": {"trl": ("own-code",)},
    "bela": {"trl": ("own-code",)},
    "chidi": {"trl": ("own-code",)},
    "dorte": {"trl": ("own-code",)},
    "edda": {"axolotl": ("file-a-run",), "llamafactory": ("file-a-run",)},
    "farid": {"axolotl": ("many-gpus", "file-a-run"), "llamafactory": ("many-gpus",), "trl": ("many-gpus",)},
    "greet": {"axolotl": ("file-a-run",), "llamafactory": ("file-a-run",)},
    "hamid": {"axolotl": ("many-gpus", "file-a-run")},
    "ines": {"llamafactory": ("no-code",)},
    "jonas": {"stay": ("not-the-tool",)},
    "keiko": {"llamafactory": ("many-models",), "axolotl": ("many-models",)},
    "lotte": {"trl": ("own-code",)},
    "mika": {"unsloth": ("one-small-gpu",)},
    "nadia": {"unsloth": ("one-small-gpu",)},
    "otto": {"llamafactory": ("many-models",), "axolotl": ("many-models",)},
    "petra": {"stay": ("not-the-tool",)},
    "quentin": {"torchtune": ("runs-already",), "stay": ("runs-already",)},
    "rhea": {"trl": ("no-longer-kept",), "axolotl": ("no-longer-kept",), "llamafactory": ("no-longer-kept",)},
    "selim": {
        "trl": ("no-longer-kept", "own-code"),
        "axolotl": ("no-longer-kept",),
        "llamafactory": ("no-longer-kept",),
        "unsloth": ("no-longer-kept",),
    },
    "tove": {"torchtune": ("runs-already",)},
    "ulla": {"stay": ("defaults-differ",)},
    "viggo": {"stay": ("defaults-differ",)},
    "wilma": {"stay": ("not-the-tool",)},
    "xaver": {"stay": ("not-the-tool",)},
}

# What to ask of a situation again, by the reason that decides it. None of the questions names a tool.
LOOK_AGAIN = {
    "own-code": "Who calls whom: does their program call the trainer, or the trainer their program?",
    "file-a-run": "How would a second person start this very run again, and who looks at it before?",
    "many-gpus": "On how many cards does one step lie, and who writes the splitting?",
    "no-code": "Who sits at the screen, and what can they do there?",
    "many-models": "What changes from run to run, and who keeps it right?",
    "one-small-gpu": "What exactly stops the run on their machine?",
    "runs-already": "What would be better afterwards, and does anything have to change?",
    "no-longer-kept": "How long shall it live, and who repairs the tool until then?",
    "defaults-differ": "Do the two runs really differ in the tool alone?",
    "not-the-tool": "What would change if the training took no time and never failed?",
}


def first_reason(name: str) -> str:
    """Return the reason that decides the situation first of all."""
    return next(iter(KEY[name].values()))[0]
