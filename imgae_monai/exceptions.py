"""The exceptions for what a user can mend."""


class InputError(ValueError):
    """Bad input: the message names the file or argument, what was expected, what was found and how to mend it.

    The command line prints it as one line instead of a traceback, however deep inside MONAI it was raised.
    """


class SourceUnavailable(InputError):
    """A data source that can't be had here and now: no such path, no network, no credentials, a missing extra.

    Only this one lets a list of sources go on to its next entry; what is wrong inside a source is never passed over.
    """


class UnreadableImage(InputError):
    """One image that can't be used: missing, truncated, damaged, of NaN or Inf, of another number of axes."""


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end. Like Ctrl-C it is no error, and passes by ``except Exception``.

    Args:
        signal_number: SIGTERM or SIGINT.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number
