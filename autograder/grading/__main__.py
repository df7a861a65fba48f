"""`python -m autograder.grading`: see `autograder.grading.command`."""

import signal
import sys

from autograder.grading.command import main

signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: workers are ended, and the sum is told
sys.exit(main())
