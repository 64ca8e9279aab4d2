"""Networks compiled to C: training and scoring of tiny convolutional networks on the CPU."""

from tinymnist.native.compiler import find_compiler
from tinymnist.native.errors import CompilerError, NotCoveredError
from tinymnist.native.network import NativeNetwork

__all__ = ["CompilerError", "NativeNetwork", "NotCoveredError", "find_compiler"]
