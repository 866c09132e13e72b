"""The command line, one module for each command. Nothing else imports it.

Only the chosen command adds its options and imports what it needs, inside its functions, so that
`tsp --help` is quick. Results go to standard output, everything else to standard error. A user's mistake
ends in one sentence and exit code 2.
"""

from tsp.cli.program import main

__all__ = ["main"]
