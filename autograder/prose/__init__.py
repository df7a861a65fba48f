"""The program's reading of answers "in your own words": a proposal with its reasons, for a human who decides.

`reading` cuts an answer into sentences of plain words; `patterns` says whether words stand near one another; the ideas
that an answer must hold stand in one YAML file a rung, beside the statements that are plainly wrong; `proposal` puts
the parts together. Nothing here gives a grade: `autograder.nbgrader_prose` writes the proposal into the gradebook and
leaves the cell waiting for a human.
"""
