"""Other augmentation in each process, and the same after a resume."""

from __future__ import annotations

from ignite.engine import Engine, Events
from ignite.utils import manual_seed
from torch.utils.data import DataLoader

from imgae_monai.engines.processes import process_seed


class EpochSeedHandler:
    """Seed what a process draws from at the start of each epoch, by the run's seed, the process and the epoch.

    A resume point holds the first process's random states alone. So seeded, all processes go on from it as if they had
    never stopped, and none repeats another's augmentation.

    Args:
        seed: the run's.
        loader: the trainer's, whose transforms are seeded.
    """

    def __init__(self, seed: int, loader: DataLoader) -> None:
        self.seed = seed
        self.loader = loader

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._seed)

    def _seed(self, engine: Engine) -> None:
        seed = (process_seed(self.seed) + 7_919 * engine.state.epoch) % 2**32
        manual_seed(seed)
        self.loader.dataset.transform.set_random_state(seed)  # type: ignore[attr-defined]
