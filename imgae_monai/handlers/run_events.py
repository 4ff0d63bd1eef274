"""Events of a run beside those of ignite's and MONAI's engines."""

from __future__ import annotations

from ignite.engine.events import EventEnum


class RunEvents(EventEnum):
    """``FINISHED``: training has ended and the run is calibrated, so that its record and all of its files are there.

    A bundle's ``run`` fires it on the trainer; :py:class:`imgae_monai.handlers.TrackerGuard` registers it.
    """

    FINISHED = "run_finished"
