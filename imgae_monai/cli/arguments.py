"""Read the command line's words strictly, before anything runs.

Fire guesses types (``--overwrite false`` is a true text, ``--epochs --seed 3`` one epoch) and complains of words that
it could not place after it has called the function, hours later for ``train``. Here every flag and value is checked
against the command's signature, and handed to Fire in a form that it can't misread.
"""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence

from imgae_monai.exceptions import InputError

HELP = ("--help", "-h", "help")
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def nearest(name: str, known: Iterable[str]) -> str:
    """``"did you mean X? "`` where something is near, and what is known."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return (f"did you mean {close[0]!r}? " if close else "") + f"Known: {', '.join(known)}"


def check_arguments(argv: Sequence[str], commands: Mapping[str, Callable]) -> list[str]:
    """Check a command line against the signatures of the commands.

    Args:
        argv: the words after the program's name.
        commands: the functions by name; a name may be of two words.

    Returns:
        the same words with the command's name as one and every flag as ``--name=value``.

    Raises:
        InputError: for an unknown command or flag (names the nearest), a missing or surplus word, or a value of the
            wrong type.
    """
    if not argv or argv[0] in HELP or argv[0] == "--":
        return list(argv)
    name, rest = _command(argv, commands)
    if any(word in HELP for word in rest):
        return [name, "--help"]
    parameters = inspect.signature(commands[name]).parameters
    flags = {key: p for key, p in parameters.items() if p.kind is not p.VAR_POSITIONAL}
    words, values = _split(name, rest, flags)
    positional = [key for key, p in flags.items() if p.kind is p.POSITIONAL_OR_KEYWORD and key not in values]
    if len(words) > len(positional) and len(flags) == len(parameters):
        surplus = words[len(positional) :]
        raise InputError(f"{name} takes no further word {surplus[0]!r}: quote a path with spaces, name a flag with --")
    filled = {*values, *positional[: len(words)]}
    missing = [key for key, p in flags.items() if p.default is p.empty and key not in filled]
    if missing:
        shown = ", ".join(f"--{key}" if flags[key].kind is inspect.Parameter.KEYWORD_ONLY else key for key in missing)
        raise InputError(f"{name} needs {shown}")
    return [name, *words, *(f"--{key}={value}" for key, value in values.items())]


def _command(argv: Sequence[str], commands: Mapping[str, Callable]) -> tuple[str, list[str]]:
    """The command's name, of one word or two, and the words behind it."""
    two = " ".join(argv[:2])
    if two in commands:
        return two, list(argv[2:])
    if argv[0] in commands:
        return argv[0], list(argv[1:])
    seconds = [name for name in commands if name.startswith(f"{argv[0]} ")]
    if seconds and (len(argv) == 1 or argv[1] in HELP):
        raise InputError(f"{argv[0]} needs a second word: {', '.join(seconds)}")
    wrong = two if seconds else argv[0]
    raise InputError(f"no command {wrong!r}: {nearest(wrong, commands)}")


def _split(
    command: str, argv: Sequence[str], flags: Mapping[str, inspect.Parameter]
) -> tuple[list[str], dict[str, str]]:
    words: list[str] = []
    values: dict[str, str] = {}
    queue = list(argv)
    while queue:
        word = queue.pop(0)
        if not word.startswith("-") or _is_number(word):
            words.append(word)
            continue
        flag, has_value, value = word.partition("=")
        key = flag.lstrip("-").replace("-", "_")
        if not word.startswith("--") or key not in flags:
            raise InputError(f"no flag {flag!r} in {command}: {nearest(key, flags)}")
        annotation = str(flags[key].annotation)
        if not has_value:
            follows = bool(queue) and (not queue[0].startswith("-") or _is_number(queue[0]))
            if annotation.startswith("bool") and not follows:
                value = "true"
            elif follows:
                value = queue.pop(0)
            else:
                raise InputError(f"{flag} needs a value")
        values[key] = _read_value(flag, value, annotation)
    return words, values


def _read_value(flag: str, value: str, annotation: str) -> str:
    """The value in the form that Fire reads back as it was meant."""
    if annotation.startswith("bool"):
        if value.lower() not in _BOOLEANS and annotation == "bool | str":
            return value
        if value.lower() not in _BOOLEANS:
            raise InputError(f"{flag} takes true or false, got {value!r}: put {flag} last, or write {flag}=true")
        return str(_BOOLEANS[value.lower()])
    if annotation.startswith(("int", "float")):
        try:
            return repr(int(value) if annotation.startswith("int") else float(value))
        except ValueError as e:
            kind = "a whole number" if annotation.startswith("int") else "a number"
            raise InputError(f"{flag} takes {kind}, got {value!r}") from e
    if annotation.startswith("dict"):
        try:
            parsed = ast.literal_eval(value)
        except (ValueError, SyntaxError) as e:
            raise InputError(f"{flag} takes a dictionary as \"{{'id': value}}\", got {value!r}") from e
        if not isinstance(parsed, dict):
            raise InputError(f"{flag} takes a dictionary as \"{{'id': value}}\", got {value!r}")
    return value


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
