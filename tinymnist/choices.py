"""Fixed choices, each list written once: the command line offers them, specs and records are held to them."""

from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]
Engine = Literal["auto", "torch", "native"]
ExportFormat = Literal["onnx", "c", "html"]
ExportDtype = Literal["float32", "int8"]
Optimize = Literal["size", "speed"]
Project = Literal["make", "arduino"]
CheckFormat = Literal["text", "json", "junit", "github"]
