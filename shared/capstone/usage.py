"""The lines of Python that load a capstone: transformers and PEFT, nothing of the course. A test runs them."""

from shared.capstone.source import Source
from shared.world import rows

PACKAGES = {  # what the lines import, by how the run was trained; a whole model takes the first
    "full": ("torch", "transformers"),
    "lora": ("torch", "transformers", "peft"),
    "qlora": ("torch", "transformers", "peft", "bitsandbytes"),
}
_QUANTIZED = """
nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                         bnb_4bit_compute_dtype={dtype})"""


def usage(source: Source, *, merged: bool) -> str:
    """Return the lines. They load from the folder they are run in, downloaded from the hub or not."""
    whole = merged or not source.is_adapter
    quantized = source.run.method == "qlora" and not whole
    classes = "AutoModelForCausalLM, AutoTokenizer" + (", BitsAndBytesConfig" if quantized else "")
    dtype = "torch.float32" if source.run.device == "cpu" else "torch.bfloat16"
    base = "here" if whole else _base(source)
    nf4 = ", quantization_config=nf4" if quantized else ""
    lines = [
        "import torch",
        "" if whole else "from peft import PeftModel",
        f"from transformers import {classes}",
        '\nhere = "."  # this folder; from the hub: hf download',
        _QUANTIZED.format(dtype=dtype).strip() if quantized else "",
        f"tokenizer = AutoTokenizer.from_pretrained({base})",
        f"model = AutoModelForCausalLM.from_pretrained({base}, dtype={dtype}{nf4})",
        "" if whole else "model = PeftModel.from_pretrained(model, here)",
        f"\nletter = {rows('tickets', 'public', 1)[0]['prompt']!r}",
        'inputs = tokenizer(letter, return_tensors="pt").to(model.device)',
        "output = model.eval().generate(**inputs, max_new_tokens=48, do_sample=False)",
        'print(tokenizer.decode(output[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))',
    ]
    return "\n".join(line for line in lines if line)


def _base(source: Source) -> str:
    """Return the arguments that load the base: from base/ beside the adapter, or from the hub."""
    if source.base.folder:
        return (
            'f"{here}/base"'  # with subfolder="base" transformers sees the adapter first and asks the hub for its base
        )
    revision = f', revision="{source.base.revision}"' if source.base.revision else ""
    return f'"{source.base.id}"{revision}'
