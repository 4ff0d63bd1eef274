"""``python -m imgae_monai`` and the console script ``imgae-monai``."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence

from imgae_monai.cli.compare import compare
from imgae_monai.cli.demo import demo
from imgae_monai.cli.evaluate import calibrate, evaluate
from imgae_monai.cli.info import info
from imgae_monai.cli.predict import predict
from imgae_monai.cli.train import train
from imgae_monai.exceptions import InputError

COMMANDS: dict[str, Callable] = {
    "train": train,
    "calibrate": calibrate,
    "evaluate": evaluate,
    "predict": predict,
    "compare": compare,
    "demo": demo,
    "info": info,
}
_HELP = {"--help", "-h", "help"}
_TRACEBACK = "IMGAE_MONAI_TRACEBACK"


def check_arguments(argv: Sequence[str], commands: Mapping[str, Callable]) -> None:
    """Refuse an unknown command or flag before anything runs.

    Fire calls the function first and complains of what it could not place afterwards, hours later for ``train``.

    Args:
        argv: the words after the program's name.
        commands: the functions by name.

    Raises:
        InputError: names the nearest command or flag.
    """
    from imgae_monai.cli.bundle_config import nearest

    if not argv or argv[0] in _HELP or argv[0] == "--":
        return
    if argv[0] not in commands:
        raise InputError(f"no command {argv[0]!r}: {nearest(argv[0], commands)}")
    parameters = inspect.signature(commands[argv[0]]).parameters
    flags = [name for name, p in parameters.items() if p.kind is not inspect.Parameter.VAR_POSITIONAL]
    for word in argv[1:]:
        if word in _HELP or not word.startswith("-") or word == "--":
            continue
        if _is_number(word):
            continue
        name = word.lstrip("-").split("=", 1)[0].replace("-", "_")
        if not word.startswith("--") or name not in flags:
            raise InputError(f"no flag {word.split('=', 1)[0]!r} in {argv[0]}: {nearest(name, flags)}")
    required = [n for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if not _HELP.intersection(argv):
        given = {word.lstrip("-").split("=", 1)[0].replace("-", "_") for word in argv[1:] if word.startswith("--")}
        missing = [name for name in required if name not in given]
        if missing:
            raise InputError(f"{argv[0]} needs {', '.join('--' + name for name in missing)}")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _keep_text(commands: Mapping[str, Callable]) -> None:
    """Make Fire leave text as it is: it would read ``1e3``, ``a,b`` or ``None`` as Python, not as a name."""
    from fire.decorators import SetParseFn, SetParseFns
    from fire.parser import DefaultParseValue

    for command in commands.values():
        parameters = inspect.signature(command).parameters.values()
        literal = {p.name: DefaultParseValue for p in parameters if not str(p.annotation).startswith("str")}
        SetParseFns(**literal)(SetParseFn(str)(command))


def explain(error: BaseException) -> str | None:
    """The message of the mendable error inside a chain of MONAI's, or None where there is none."""
    chain: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in chain:
        chain.append(step)
        step = step.__cause__ or step.__context__
    for candidate in chain:
        if isinstance(candidate, InputError):
            return str(candidate)
    return str(chain[-1]) if type(chain[-1]) is ValueError and _is_ours(chain[-1]) else None


def _is_ours(error: BaseException) -> bool:
    """Whether an error was raised below this package's own code, and not below MONAI's reading of a config."""
    package = os.path.dirname(__file__)
    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return any(f.startswith(package) and not f.startswith((os.path.join(package, "cli"), __file__)) for f in frames)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; exit with 2 on bad input, which is explained in one line, and 130 when interrupted."""
    import fire

    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        check_arguments(argv, COMMANDS)
        _keep_text(COMMANDS)
        fire.Fire(COMMANDS, command=argv, name="imgae-monai")
    except KeyboardInterrupt:
        print("interrupted; imgae-monai train ... --resume goes on from the last epoch", file=sys.stderr)
        sys.exit(130)
    except Exception as e:
        message = explain(e)
        if message is None or os.environ.get(_TRACEBACK):
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
