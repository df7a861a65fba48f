"""Rung 09's questions about rows and looks: the right formulas, and the mistakes that have a name."""

from autograder.numbers import Solution

Z_LEVEL, Z_POWER = 1.959963984540054, 0.8416212335729143


def paired_rows(points: int, discordant: int) -> float:
    """Return Connor's n. 3 points, 10%: (1.960 x 0.3162 + 0.8416 x 0.3148)² / 0.0009 = 869.4."""
    difference, share = points / 100, discordant / 100
    return (Z_LEVEL * share**0.5 + Z_POWER * (share - difference**2) ** 0.5) ** 2 / difference**2


def false_alarm(tests: int, level: int) -> float:
    """Return 100 (1 - (1 - level)^tests). Nine tests at 5%: 37.0%."""
    return 100 * (1 - (1 - level / 100) ** tests)


SOLUTIONS = {
    "paired-rows": Solution(
        paired_rows,
        (
            (
                lambda points, discordant: Z_LEVEL**2 * discordant / 100 / (points / 100) ** 2,
                "That finds it half of the time: the power, 80%, has a z of its own.",
            ),
            (
                lambda points, discordant: (Z_LEVEL + Z_POWER) ** 2 * 0.25 / (points / 100) ** 2,
                "That is for the share of one model near one half; McNemar's test sees the rows that change.",
            ),
            (
                lambda points, discordant: paired_rows(points, discordant) * discordant / 100,
                "That is how many rows change; asked are all rows.",
            ),
        ),
        "Section 6's formula, with shares: 3 points are 0.03.",
    ),
    "false-alarm": Solution(
        false_alarm,
        (
            (lambda tests, level: tests * level, "Adding up counts double alarms twice, and can pass 100."),
            (lambda tests, level: false_alarm(tests, level) / 100, "That is the share; asked is it in percent."),
            (lambda tests, level: 100 - false_alarm(tests, level), "That is the chance of no alarm at all."),
            (lambda tests, level: level / tests, "That is Bonferroni's level for each test, not the chance asked for."),
        ),
        "No test raises an alarm with probability (1 - level) to the number of tests.",
    ),
}
