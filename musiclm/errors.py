"""The one error that a user can cause: its message is a single clear line that names the thing.

The command line prints it and exits with code 2; everything else is a fault of ours and keeps its
traceback.

>>> raise UserError("no such file: song.wav")
Traceback (most recent call last):
musiclm.errors.UserError: no such file: song.wav
"""


class UserError(ValueError):
    """Bad input: a missing file, an impossible duration, a part of another system."""
