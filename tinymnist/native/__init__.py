"""Trains and scores tiny convolutional networks on the CPU, in a C program that is written for each network."""

from tinymnist.native.compiler import find_compiler
from tinymnist.native.errors import CompilerError, NotCoveredError
from tinymnist.native.network import NativeNetwork
from tinymnist.native.optimizers import Slot, Slots

__all__ = ["CompilerError", "NativeNetwork", "NotCoveredError", "Slot", "Slots", "find_compiler"]
