"""The reference document's automated tests, run on `archs/tiny3130.yaml`, and the forward pass."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.support.command_line import ARCHS
from tinymnist import build_model, load_spec


class HandWritten(nn.Module):
    """The reference document's network, written out layer by layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv3, self.bn3 = nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.conv4, self.bn4 = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.conv5, self.bn5 = nn.Conv2d(8, 10, 3, padding=1), nn.BatchNorm2d(10)
        self.dropout = nn.Dropout(0.01)
        self.fc = nn.Linear(10 * 3 * 3, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.dropout(functional.max_pool2d(functional.relu(self.bn2(self.conv2(x))), 2))
        x = functional.relu(self.bn3(self.conv3(x)))
        x = self.dropout(functional.max_pool2d(functional.relu(self.bn4(self.conv4(x))), 2))
        x = self.dropout(functional.max_pool2d(functional.relu(self.bn5(self.conv5(x))), 2))
        return functional.log_softmax(self.fc(x.flatten(1)), dim=1)


@pytest.fixture(scope="module")
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return build_model(load_spec(ARCHS / "tiny3130.yaml"))


def test_has_exactly_3130_parameters(model: nn.Sequential) -> None:
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 3130


def test_has_batch_normalisation(model: nn.Sequential) -> None:
    assert sum(isinstance(module, nn.BatchNorm2d) for module in model.modules()) == 5


def test_has_dropout(model: nn.Sequential) -> None:
    assert [module.p for module in model.modules() if isinstance(module, nn.Dropout)] == [0.01, 0.01, 0.01]


def test_linear_layer_is_90_to_10(model: nn.Sequential) -> None:
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    assert [(linear.in_features, linear.out_features) for linear in linears] == [(90, 10)]


def test_is_a_sequential_of_named_blocks(model: nn.Sequential) -> None:
    assert isinstance(model, nn.Sequential)
    assert [name for name, _ in model.named_children()] == ["block1", "block2", "block3", "head"]


@pytest.mark.parametrize(("block", "parameters"), [("block1", 414), ("block2", 1056), ("block3", 750), ("head", 910)])
def test_parameters_by_block(model: nn.Sequential, block: str, parameters: int) -> None:
    assert sum(p.numel() for p in model.get_submodule(block).parameters()) == parameters


@pytest.mark.parametrize(
    ("blocks", "shape"), [(1, (2, 6, 14, 14)), (2, (2, 8, 7, 7)), (3, (2, 10, 3, 3)), (4, (2, 10))]
)
def test_shapes_after_each_block(model: nn.Sequential, blocks: int, shape: tuple[int, ...]) -> None:
    assert model[:blocks](torch.zeros(2, 1, 28, 28)).shape == shape


def test_forward_pass_gives_log_probabilities(model: nn.Sequential) -> None:
    outputs = model(torch.randn(4, 1, 28, 28))
    torch.testing.assert_close(outputs.exp().sum(1), torch.ones(4))


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_gives_the_same_output_as_the_hand_written_module(training: bool) -> None:
    torch.manual_seed(1)
    built = build_model(load_spec(ARCHS / "tiny3130.yaml"))
    written = HandWritten()
    tensors = list(built.state_dict().values())
    written.load_state_dict(dict(zip(written.state_dict(), tensors, strict=True)))
    images = torch.randn(16, 1, 28, 28)
    outputs = []
    for module in (built, written):
        torch.manual_seed(2)
        outputs.append(module.train(training)(images))
    torch.testing.assert_close(outputs[0], outputs[1], rtol=0, atol=1e-6)


def test_state_dict_reads_as_the_file_does(model: nn.Sequential) -> None:
    names = [name for name in model.state_dict() if name.endswith("weight")]
    assert names == [
        "block1.conv1.weight",
        "block1.norm1.weight",
        "block1.conv2.weight",
        "block1.norm2.weight",
        "block2.conv1.weight",
        "block2.norm1.weight",
        "block2.conv2.weight",
        "block2.norm2.weight",
        "block3.conv1.weight",
        "block3.norm1.weight",
        "head.linear.weight",
    ]
