"""The layers that torch lacks."""

from torch import Tensor, nn


class Residual(nn.Module):
    """`body(x) + shortcut(x)` (He et al. 2016).

    Takes and gives tensors of shape (N, C, H, W); body and shortcut must agree on the output's shape.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.body(x) + self.shortcut(x)
        return output
