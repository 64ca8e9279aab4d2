"""The only door to onnxruntime, whose telemetry is switched off before it is imported.

Left on, it writes a device ID and a database of events to the user's cache, and looks up its maker's host. It reads the
variable once, when it starts; a program that has set the variable, or imported onnxruntime itself, decides for itself.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime


def session(content: bytes, threads: int = 0) -> onnxruntime.InferenceSession:
    """Opens a converted network for the CPU, with so many threads; 0 leaves the number to onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
