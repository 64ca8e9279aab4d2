"""Networks compiled to C: training and scoring of tiny convolutional networks on the CPU."""

from tinymnist.native.compiler import CompilerError, find_compiler
from tinymnist.native.graph import NotCoveredError
from tinymnist.native.network import NativeNetwork

__all__ = ["CompilerError", "NativeNetwork", "NotCoveredError", "find_compiler"]
