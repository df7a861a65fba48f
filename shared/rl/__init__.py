"""Reinforcement learning from a verifier: rewards, groups of samples, what a run logs, and what it is compared with.

Rung 07 uses these modules; the algorithm itself is TRL's GRPOTrainer and the learner's own code.
"""
