"""The one exception for what a user can mend."""


class InputError(ValueError):
    """Bad input: the message names the file or argument, what was expected, what was found and how to mend it.

    The command line prints it as one line instead of a traceback, however deep inside MONAI it was raised.
    """
