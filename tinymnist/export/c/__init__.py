"""A trained network as C99: one header and one source file, without allocation, in float32 or whole numbers."""

from tinymnist.export.c.api import export_c

__all__ = ["export_c"]
