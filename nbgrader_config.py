"""nbgrader's settings for this course. Scores come from the course's checkers; no learner's code runs in nbgrader."""

from autograder.safe_page import PAGE_FILES, TEMPLATES
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
    *PAGE_FILES,
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
    "autograder.nbgrader_prose.ProseProposals",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# Formgrader's pages and the feedback show what a learner wrote, and run none of it.
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.filters = {
    "clean_html": "autograder.safe_page.clean",
    "markdown2html": "autograder.safe_page.markdown_to_html",
}
c.HTMLExporter.preprocessors = ["autograder.safe_page.PlainOutputs"]
c.HTMLExporter.extra_template_basedirs = [str(folder) for folder in TEMPLATES]
