"""What the notebooks import: models, data, training, evaluation and artifacts. Knows nothing of grades.

Importing this package, or any module in it, does not import torch: heavy imports sit in the functions that
need them.
"""
