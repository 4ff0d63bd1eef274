"""The exceptions for what a user can mend."""


class InputError(ValueError):
    """Bad input: the message names the file or argument, what was expected, what was found and how to mend it.

    The command line prints it as one line instead of a traceback, however deep inside MONAI it was raised.
    """


class SourceUnavailable(InputError):
    """A data source that can't be had here and now: no such path, no network, no credentials, a missing extra.

    Only this one lets a list of sources go on to its next entry; what is wrong inside a source is never passed over.
    """
