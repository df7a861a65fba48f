"""Learning one skill after the other: what is lost on the way, and what keeps it.

It reads in this order:

- `skills`     the three skills of rung 10, their training rows and how each is scored
- `teaching`   one lesson with TRL's trainer, for measurements, and how fast a lost skill comes back
- `matrix`     the accuracy matrix, the numbers that sum it up, and the file that keeps every row behind it
- `replay`     old rows among new ones, and rows that a model writes itself where the old ones are gone
- `ewc`        the diagonal Fisher information of a language model, and a trainer that is held by it
- `averaging`  a model between two models
- `figures`    the matrix, the frontier, and how fast a lost skill comes back
"""
