"""The server's side of the job: NVFlare's FedAvg, then a calibration of all sites. It reads no image and no config."""

from __future__ import annotations

from nvflare.app_common.abstract.fl_model import FLModel
from nvflare.app_common.workflows.fedavg import FedAvg

from imgae_monai.fl import merge


class FedAvgAndCalibrate(FedAvg):
    """Rounds of ``train``, then ``moments``, ``scatter``, ``scores`` and ``finish``, which all sites must answer."""

    def run(self) -> None:
        """Train and calibrate."""
        super().run()
        if self.abort_signal.triggered:
            return
        merged = self._ask("moments", FLModel(params=self._last.params))
        for stage in ("scatter", "scores"):
            merged = self._ask(stage, merged)
        answers = self._answers("finish", merged)
        thresholds = [float(answer.params["threshold"]) for answer in answers]
        self.info(f"thresholds of the sites: {thresholds}")

    def save_model(self, model: FLModel) -> None:
        """Keep the weights of the last round: what is loaded again are the first ones."""
        super().save_model(model)
        self._last = model

    def _ask(self, stage: str, model: FLModel) -> FLModel:
        return FLModel(params=merge([answer.params for answer in self._answers(stage, model)]))

    def _answers(self, stage: str, model: FLModel) -> list[FLModel]:
        answers = self.send_model_and_wait(task_name=stage, data=model, targets=self.sample_clients(self.num_clients))
        losses = {a.meta["client_name"]: a.metrics["val_loss"] for a in answers if a.metrics}
        self.info(f"{stage}: {len(answers)} sites answered" + (f", val_loss {losses}" if losses else ""))
        if len(answers) != self.num_clients:
            raise RuntimeError(f"{stage}: {len(answers)} of {self.num_clients} sites answered, see their logs")
        return answers
