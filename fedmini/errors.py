"""The two ways in which a run ends early, each with one line for the person at the keyboard."""


class UserError(Exception):
    """An option or an input that cannot be used: one line on stderr, exit status 2.

    The text names the option, file or field, what was found there and what would be right.
    """


class RunFailed(Exception):
    """A run that was set up well but could not go on: one line on stderr, exit status 1."""
