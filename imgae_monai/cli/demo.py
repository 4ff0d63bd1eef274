"""``imgae-monai demo``."""

from __future__ import annotations


def demo(output: str = "demo_output", epochs: int = 20, seed: int = 0, overwrite: bool = False) -> None:
    """Show the whole way on drawn phantoms: train both bundles, evaluate, compare, report, predict.

    It takes minutes on two cores. The figures say nothing about patients.

    Args:
        output: folder for data, runs and results. Default demo_output.
        epochs: epochs for each bundle. Default 20.
        seed: seed of phantoms, weights and draws. Default 0.
        overwrite: delete the demo that the folder holds. Default false.
    """
    import shutil
    from pathlib import Path

    from imgae_monai.cli.compare import compare
    from imgae_monai.cli.evaluate import evaluate
    from imgae_monai.cli.predict import predict
    from imgae_monai.cli.report import report
    from imgae_monai.cli.train import train
    from imgae_monai.data import write_synthetic_dataset
    from imgae_monai.exceptions import InputError

    root = Path(output).expanduser().resolve()
    marker = root / "imgae_monai_demo"
    if root.is_file():
        raise InputError(f"{root} is a file: give a folder as --output")
    if root.exists() and any(root.iterdir()):
        if not (overwrite and marker.exists()):
            raise InputError(
                f"{root} is not empty: give another --output" + (", or --overwrite" if marker.exists() else "")
            )
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True)
    marker.touch()
    print(f"drawing phantoms in {root / 'data'}")
    data = str(write_synthetic_dataset(root / "data", size=64, seed=seed))
    runs = [root / bundle for bundle in ("unet_autoencoder", "reversed_autoencoder")]
    for run in runs:
        print(f"\n== {run.name}")
        train(run.name, data=data, output=str(run), epochs=epochs, seed=seed)
        evaluate(str(run))
    print("\n== comparison")
    compare(str(runs[0]), str(runs[1]), output=str(root / "comparison"), cost=False, seed=seed)
    print("\n== report")
    report(*map(str, runs), output=str(root / "report"), n_examples=2, seed=seed)
    print("\n== prediction")
    abnormal = sorted((root / "data" / "test" / "abnormal").glob("*.png"))[:4]
    predict(str(runs[1]), *map(str, abnormal), output=str(root / "predictions"))
    print(f"\nOpen {root / 'report' / 'report.html'} in a browser, and look at the pictures in {root / 'predictions'}")
    print(f"TensorBoard: tensorboard --logdir {root}")
