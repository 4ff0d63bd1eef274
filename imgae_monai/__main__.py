"""``python -m imgae_monai`` and the console script ``imgae-monai``."""

from __future__ import annotations

import contextlib
import errno
import inspect
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence

from imgae_monai.cli.arguments import check_arguments
from imgae_monai.cli.compare import compare
from imgae_monai.cli.data_check import data_check
from imgae_monai.cli.demo import demo
from imgae_monai.cli.deploy import deploy
from imgae_monai.cli.evaluate import calibrate, evaluate
from imgae_monai.cli.export import export
from imgae_monai.cli.info import info
from imgae_monai.cli.line_starts import LineStarts
from imgae_monai.cli.pack import pack
from imgae_monai.cli.predict import predict
from imgae_monai.cli.processes import check_alone
from imgae_monai.cli.report import report
from imgae_monai.cli.reproduce import reproduce
from imgae_monai.cli.select import select
from imgae_monai.cli.train import train
from imgae_monai.exceptions import InputError, Stopped

COMMANDS: dict[str, Callable] = {
    "data check": data_check,
    "train": train,
    "calibrate": calibrate,
    "evaluate": evaluate,
    "select": select,
    "predict": predict,
    "deploy": deploy,
    "export": export,
    "compare": compare,
    "report": report,
    "reproduce": reproduce,
    "pack": pack,
    "demo": demo,
    "info": info,
}
_FULL = (errno.ENOSPC, errno.EDQUOT)
_TRACEBACK = "IMGAE_MONAI_TRACEBACK"
# torch hands on an exception of a worker process as the text of its traceback, the first cause at the top
_FROM_WORKER = re.compile(r"Caught \w+ in DataLoader worker process \d+\.\n")
# torch's words for a worker process that is gone: "is killed by signal: Killed. ", "exited unexpectedly"
_WORKER_GONE = re.compile(
    r"DataLoader worker \(pid(?:\(s\))? (?P<pid>[\d, ]+)\) (?:is killed by signal: (?P<how>[^.]+)|exited)"
)
_IN_TRACEBACK = re.compile(
    r"^imgae_monai\.exceptions\.(?:InputError|SourceUnavailable|UnreadableImage): (.*?)"
    r"(?=\n\n(?:The above exception was|During handling of the above)|\Z)",
    re.MULTILINE | re.DOTALL,
)


def _keep_text(commands: Mapping[str, Callable]) -> None:
    """Make Fire leave text as it is: it would read ``1e3``, ``a,b`` or ``None`` as Python, not as a name."""
    from fire.decorators import SetParseFn, SetParseFns
    from fire.parser import DefaultParseValue

    for command in commands.values():
        parameters = inspect.signature(command).parameters.values()
        literal = {p.name: DefaultParseValue for p in parameters if not str(p.annotation).startswith("str")}
        SetParseFns(**literal)(SetParseFn(str)(command))


def explain(error: BaseException) -> str | None:
    """The message of the mendable error in a chain of exceptions or in a worker's traceback, None without one."""
    chain: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in chain:
        chain.append(step)
        step = step.__cause__ or step.__context__
    gone = [found for candidate in chain if (found := _WORKER_GONE.match(str(candidate)))]
    if gone:
        return _worker_gone(gone[-1]["pid"], gone[-1]["how"])  # the cause tells by which signal
    for candidate in chain:
        text = str(candidate)
        if _FROM_WORKER.match(text) and (found := _IN_TRACEBACK.search(text)):
            return found[1].strip()
        if isinstance(candidate, InputError):
            return str(candidate)
        if isinstance(candidate, OSError) and candidate.errno in _FULL:
            where = f" ({candidate.filename})" if candidate.filename else ""
            return (
                f"{candidate.strerror}{where}: make room; in training, --resume auto goes on from the last resume point"
            )
    return " ".join(str(chain[-1]).split()) if type(chain[-1]) is ValueError and _is_ours(chain[-1]) else None


def _worker_gone(pid: str, how: str | None) -> str:
    if how and "Killed" not in how:
        likely = "a full /dev/shm, or a decoder that crashed" if "Bus" in how else "a decoder that crashed"
        mend = "--num_workers 0 shows what it read"
    else:
        likely = "the system ran out of memory"
        mend = "set --num_workers to 0, or lower --memory_budget or --batch_size"
    return (
        f"a process that loads images (pid {pid}) died{f': {how}' if how else ''}. Likely cause: {likely}. {mend}; in "
        "training, --resume auto goes on from the last resume point"
    )


def _going_on(argv: Sequence[str]) -> str:
    if argv[:1] == ["train"]:
        return "; imgae-monai train ... --resume auto goes on from the last resume point"
    if argv[:1] == ["predict"] and any(word.startswith("--table") for word in argv):
        return "; the same command goes on with the parts that are there"
    return ""


def _is_ours(error: BaseException) -> bool:
    """Whether an error was raised below this package's own code, and not below MONAI's reading of a config."""
    package = os.path.dirname(__file__)
    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return any(f.startswith(package) and not f.startswith((os.path.join(package, "cli"), __file__)) for f in frames)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; exit with 2 on bad input, which is explained in one line, and 130 (143) on Ctrl-C (SIGTERM)."""
    import fire

    argv = list(sys.argv[1:] if argv is None else argv)
    with contextlib.redirect_stderr(LineStarts(sys.stderr)) as stderr:
        try:
            words = check_arguments(argv, COMMANDS)
            if words[:1] and words[0] in COMMANDS:
                check_alone(words[0])
            _keep_text(COMMANDS)
            fire.Fire(COMMANDS, command=words, name="imgae-monai")
        except KeyboardInterrupt as e:
            number = e.signal_number if isinstance(e, Stopped) else signal.SIGINT
            what = "interrupted" if number == signal.SIGINT else "terminated"
            stderr.start_line()
            print(f"{what}{_going_on(argv)}", file=stderr)
            sys.exit(128 + number)
        except Exception as e:
            message = explain(e)
            stderr.start_line()
            if message is None or os.environ.get(_TRACEBACK):
                raise
            print(f"error: {message}", file=stderr)
            sys.exit(2)


if __name__ == "__main__":
    main()
