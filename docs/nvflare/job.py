"""Make the job and run it in NVFlare's simulator: two sites with phantoms, unless ``--data`` names folders of images.

pip install 'imgae_monai[nvflare]'
python docs/nvflare/job.py --bundle unet_autoencoder --workspace /tmp/federation
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import torch
from nvflare.app_opt.pt import PTFileModelPersistor
from nvflare.client.config import ExchangeFormat
from nvflare.fuel.utils.constants import FrameworkType
from nvflare.job_config.api import FedJob
from nvflare.job_config.script_runner import ScriptRunner

from imgae_monai.cli.bundle_config import bundle_names
from imgae_monai.data import write_synthetic_dataset
from imgae_monai.fl import initial_weights
from imgae_monai.fl.site_calibrator import FEWEST

HERE = Path(__file__).resolve().parent
PHANTOM_PATIENTS = 15  # of 20 phantoms; nobody's, so that a site may send sums of so few


def main() -> int:
    """Run the job and return what the simulator returned."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="unet_autoencoder", choices=bundle_names())
    parser.add_argument("--workspace", type=Path, required=True, help="folder to make; the sites' runs are in sites/")
    parser.add_argument("--data", nargs="*", help="a folder of images for each site (default two sets of phantoms)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--local_epochs", type=int, default=1)
    parser.add_argument("--overrides", type=Path, help="JSON file with further ids of the bundle's config")
    parser.add_argument(
        "--fewest", type=int, help=f"patients below which a site sends no statistics (default {FEWEST})"
    )
    parser.add_argument("--export", action="store_true", help="write the job's folder only")
    args = parser.parse_args()
    workspace = args.workspace.resolve()
    for path in (workspace, *map(Path, args.data or []), *([args.overrides] if args.overrides else [])):
        if any(map(str.isspace, str(path.resolve()))):
            parser.error(f"NVFlare takes no blanks in a path, got {str(path.resolve())!r}: rename the folder or file")
    if workspace.exists():
        parser.error(f"--workspace {workspace} is there already: name a folder that is not, or remove it")
    workspace.mkdir(parents=True)
    if args.fewest is None:
        args.fewest = FEWEST if args.data else PHANTOM_PATIENTS
    if not args.data:
        os.environ["IMGAE_MONAI_FEWEST"] = str(PHANTOM_PATIENTS)  # the simulator's sites inherit it
    data = args.data or [
        str(write_synthetic_dataset(workspace / f"phantoms_{i}", size=64, n_train=n, n_val=20, seed=i))
        for i, n in enumerate((48, 24))
    ]
    job = make_job(args, workspace, data)
    if args.export:
        job.export_job(str(workspace))
        return 0
    return job.simulator_run(str(workspace / "nvflare"), threads=len(data)) or 0


def make_job(args: argparse.Namespace, workspace: Path, data: list[str]) -> FedJob:
    """Controller and first weights to the server, the script to each site."""
    sys.path.insert(0, str(HERE))
    from controller import FedAvgAndCalibrate

    job = FedJob(name=f"{args.bundle}_federated", min_clients=len(data))
    overrides = json.loads(args.overrides.read_text(encoding="utf-8")) if args.overrides else {}
    torch.save(initial_weights(args.bundle, overrides=overrides), workspace / "initial.pt")
    persistor = PTFileModelPersistor(source_ckpt_file_full_name=str(workspace / "initial.pt"))
    job.to_server(persistor, id="persistor")
    job.to_server(FedAvgAndCalibrate(num_clients=len(data), num_rounds=args.rounds, persistor_id="persistor"))
    for i, folder in enumerate(data, start=1):
        words = {"bundle": args.bundle, "data": Path(folder).resolve(), "run": workspace / "sites" / f"site-{i}"}
        words |= {"rounds": args.rounds, "local_epochs": args.local_epochs, "fewest": args.fewest}
        if args.overrides:
            words["overrides"] = args.overrides.resolve()
        script_args = " ".join(f"--{name} {value}" for name, value in words.items())  # NVFlare takes no quotes
        runner = ScriptRunner(
            script=str(HERE / "client.py"),
            script_args=script_args,
            framework=FrameworkType.NUMPY,
            server_expected_format=ExchangeFormat.NUMPY,
        )
        job.to(runner, f"site-{i}")
    return job


if __name__ == "__main__":
    sys.exit(main())
