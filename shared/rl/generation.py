"""How GRPOTrainer samples: with vLLM where it is installed beside a GPU, else with the model itself."""

from importlib.util import find_spec


def generation_arguments(device: str) -> dict:
    """Return what GRPOConfig is given for sampling on `device` ("cuda" or "cpu").

    Sampling is most of a GRPO step on a GPU, and vLLM is the library for it. Here it shares the card with training
    ("colocate") and takes 30% of its memory; TRL corrects for the small difference between its probabilities and the
    trainer's. It is not among the course's pinned packages.
    """
    if device != "cuda" or find_spec("vllm") is None:
        return {"use_vllm": False}
    return {"use_vllm": True, "vllm_mode": "colocate", "vllm_gpu_memory_utilization": 0.3}
