"""Attacks on the grade: each is a submission with the score that it must get. `attack` says what one is."""
