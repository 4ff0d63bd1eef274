"""MONAI Deploy's operator between two of ours, where the App SDK is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application, Image, IOType, Operator, OperatorSpec
from monai.deploy.operators.monai_bundle_inference_operator import IOMapping, MonaiBundleInferenceOperator

OUTPUTS = ("pred", "anomaly_map", "result")


class Source(Operator):
    def __init__(self, fragment, *args, values, **kwargs):
        self.values = values
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec):
        spec.output("image")

    def compute(self, op_input, op_output, context):
        op_output.emit(Image(self.values, {}), "image")


class Sink(Operator):
    def __init__(self, fragment, *args, into, **kwargs):
        self.into = into
        super().__init__(fragment, *args, **kwargs)

    def setup(self, spec: OperatorSpec):
        for name in OUTPUTS:
            spec.input(name)

    def compute(self, op_input, op_output, context):
        for name in OUTPUTS:
            value = op_input.receive(name)
            self.into[name] = value.asnumpy() if isinstance(value, Image) else value.item()


def run_operator(script: Path, values: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {}

    class App(Application):
        def compose(self):
            image = IOMapping("image", Image, IOType.IN_MEMORY)
            outputs = [IOMapping(n, dict if n == "result" else Image, IOType.IN_MEMORY) for n in OUTPUTS]
            infer = MonaiBundleInferenceOperator(
                self,
                app_context=Application.init_app_context([]),
                input_mapping=[image],
                output_mapping=outputs,
                bundle_path=script,
                name="infer",
            )
            source = Source(self, CountCondition(self, 1), values=values, name="source")
            self.add_flow(source, infer, {("image", "image")})
            self.add_flow(infer, Sink(self, into=found, name="sink"), {(name, name) for name in OUTPUTS})

    App().run()
    return found
