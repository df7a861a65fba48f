"""nbgrader's settings for this course. Scores come from the course's checkers; no learner's code runs in nbgrader."""

from shared.course import ROOT, load_course

LARGEST_KB = 1_100_000  # a submission holds trained weights; nbgrader counts in kilobytes

load_course(ROOT / "course.yml")  # a mistake in course.yml stops here, in one line, before anything is graded

c = get_config()  # noqa: F821 (nbgrader runs this file and provides get_config)

c.CourseDirectory.course_id = "fine-tuning"
c.CourseDirectory.source_directory = "rungs"
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints",
    "*.pyc",
    "__pycache__",
    "feedback",
    "experiments",  # a learner's side runs
    "checkpoint-*",
    "optimizer.pt",
    ".cache",
]
c.CourseDirectory.max_file_size = LARGEST_KB
c.CourseDirectory.max_dir_size = LARGEST_KB
c.FileNameCollectorPlugin.valid_ext = [".ipynb", ".json", ".safetensors"]  # zip_collect drops every other file

# Nothing is executed: Execute is not in the list. The order matters: scores go into the graded cells before
# SaveAutoGrades reads them there.
c.Autograde.exporter_class = "autograder.nbgrader_plugin.SubmissionExporter"
c.Autograde.sanitize_preprocessors = [
    "autograder.nbgrader_plugin.TrustedCells",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.nbgrader_plugin.TrustedScores",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "autograder.nbgrader_plugin.SettledGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "autograder.harmless_pages.HarmlessPages",
    "nbgrader.preprocessors.CheckCellMetadata",
]
