"""Fixed choices, each list written once: the command line offers them, specs and records are held to them."""

from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]
Engine = Literal["auto", "torch", "native"]
ExportFormat = Literal["onnx", "c", "html"]
WholeDtype = Literal["int8", "int4"]
"""Types of weights in whole numbers. What layers pass on is bytes with each of them."""
ExportDtype = Literal["float32", WholeDtype]
Optimize = Literal["size", "speed"]
Project = Literal["make", "arduino"]
CheckFormat = Literal["text", "json", "junit", "github"]
