"""The JSON of `quantize`: that of `train` for one run."""

from tinymnist.cli.outputs.train import RunOutput

Output = RunOutput
