"""The layers that torch lacks."""

from torch import Tensor, nn
from torch.nn import functional

from tinymnist.model.basis import Conv2d


class Residual(nn.Module):
    """`body(x) + shortcut(x)` (He et al. 2016).

    Takes and gives tensors of shape (N, C, H, W); body and shortcut must give the same shape.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.body(x) + self.shortcut(x)
        return output


class SharedConv2d(nn.Module):
    """A convolution with the weights of `source`, another convolution of the model. Stride, padding and dilation are
    its own.

    Takes and gives (N, C, H, W), as `source` does. The weights belong to `source`: they are counted and saved there.
    """

    def __init__(
        self, source: Conv2d, stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int]
    ) -> None:
        super().__init__()
        self._source = (source,)  # in a tuple, so that torch does not register it twice
        self.stride = stride
        self.padding = padding
        self.dilation = dilation

    @property
    def source(self) -> Conv2d:
        return self._source[0]

    def forward(self, x: Tensor) -> Tensor:
        source = self.source
        return functional.conv2d(x, source.weight, source.bias, self.stride, self.padding, self.dilation, source.groups)

    def extra_repr(self) -> str:
        channels = f"{self.source.in_channels}, {self.source.out_channels}"
        return f"{channels}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}"
