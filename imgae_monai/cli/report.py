"""``imgae-monai report``."""

from __future__ import annotations

from pathlib import Path


def report(
    run: str,
    *runs: str,
    output: str,
    n_examples: int = 4,
    explain: str | None = None,
    seed: int = 0,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Make one page of one or several evaluated runs, with figures for papers, as Markdown and as JSON.

    The page needs no network and nothing beside it. Its pictures come from the network itself, run again with the
    settings that stand in metrics.json; where a score is no longer what it was, there is no report.

    Args:
        run: folder that evaluate wrote to (a run's own by default), or a CSV file image,label,patient_id,score; a run's
            config executes code, so use only runs that you trust.
        runs: more of them, on the same images, to be compared.
        output: folder for report.html, report.md, report.json and figures.
        n_examples: images in each group of pictures. Default 4.
        explain: gradient, occlusion or both by a comma: what the score answers to, beside each picture. Default none.
        seed: of intervals of a CSV file, of the images whose codes are shown and of the t-SNE. Default 0.
        device: auto, cpu, cuda, cuda:1, mps. Default as evaluated.
        overwrite: replace the report that the folder holds. Default false.
    """
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.engines import check_writable
    from imgae_monai.exceptions import InputError
    from imgae_monai.report import load_evaluation
    from imgae_monai.report.build import REPORT_PARTS, write_report

    target = Path(output).expanduser().resolve()
    held = [name for name in REPORT_PARTS if (target / name).exists()]
    if held and not overwrite:
        raise InputError(f"{target} already holds {held[0]}: give another --output, or --overwrite to replace it")
    if n_examples < 1:
        raise InputError(f"n_examples must be at least 1, got {n_examples}")
    methods = _methods(explain)
    paths = [Path(path).expanduser().resolve() for path in (run, *runs)]
    for path in paths:
        if paths.count(path) > 1:
            raise InputError(f"{path} was given twice: leave one out")
    evaluations = [load_evaluation(path) for path in paths]
    check_writable(target)
    bc.log_to()
    written = write_report(evaluations, target, n_examples, methods, seed, device)
    for line in written.words:
        print(line)
    for content in written.runs:
        if content.gallery is None:
            print(f"{content.evaluation.name}: no pictures: {content.no_gallery}")
    print(f"report: {target / 'report.html'}")


def _methods(explain: str | None) -> list[str]:
    from imgae_monai.cli.arguments import nearest
    from imgae_monai.exceptions import InputError
    from imgae_monai.explain import METHODS

    chosen = [] if explain is None else list(dict.fromkeys(name.strip() for name in explain.split(",")))
    for name in chosen:
        if name not in METHODS:
            raise InputError(f"--explain takes {' or '.join(METHODS)}, got {name!r}: {nearest(name, METHODS)}")
    return chosen
