"""Where the command begins: every verb is known once its module is imported."""

import sys

from musiclm.cli import (  # noqa: F401 - each registers its verbs
    corpus,
    judging,
    listen,
    measure,
    memorization,
    music,
    release,
)
from musiclm.cli.app import app
from musiclm.errors import UserError


def main() -> None:
    """Run the command line; a UserError is one line and exit code 2."""
    try:
        app()
    except UserError as error:
        print(f"musiclm: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("musiclm: interrupted", file=sys.stderr)
        sys.exit(130)
