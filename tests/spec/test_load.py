"""Defaults, overrides, the JSON Schema, and writing a spec back."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from tests.support.command_line import ARCHS, Cli
from tests.support.specs import specs
from tinymnist import Spec, load_spec
from tinymnist.errors import SpecError
from tinymnist.spec.dump import dump_spec

TINY = ARCHS / "tiny3130.yaml"


def value_at(spec: Spec, path: str) -> object:
    value: object = spec
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, tuple) else getattr(value, part)
    return value


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("blocks[0].dropout=0.05", "blocks.0.dropout.p", 0.05),
        ("blocks.0.dropout=0.05", "blocks.0.dropout.p", 0.05),
        ("blocks[0].dropout.kind=channel", "blocks.0.dropout.kind", "channel"),
        ("blocks[0].dropout={kind: channel, p: 0.1}", "blocks.0.dropout.kind", "channel"),
        ("blocks[1].convs[0]=5", "blocks.1.convs.0.out_channels", 5),
        ("blocks[1].convs[0].kernel_size=5", "blocks.1.convs.0.kernel_size", (5, 5)),
        ("blocks[1].convs[0].kernel_size=5", "blocks.1.convs.0.padding", (2, 2)),
        ("blocks[1].convs=[4, 4, 4]", "blocks.1.convs.2.out_channels", 4),
        ("blocks[2].pool.stride=1", "blocks.2.pool.stride", (1, 1)),
        ("train.epochs=3", "train.epochs", 3),
        ("train.optimizer.weight_decay=5e-4", "train.optimizer.weight_decay", 5e-4),
        ("train.augment=[]", "train.augment", ()),
        ("train.augment[0].ShiftScaleRotate.p=1", "train.augment.0.options.p", 1.0),
        ("train.schedule.max_lr=0.1", "train.schedule.final_div_factor", 175.0),
        ("blocks[0].convs[0].norm.eps=0.1", "blocks.0.convs.0.norm.kind", "batch"),
        ("head.bias=false", "head.kind", "linear"),
        ("defaults.bias=false", "blocks.0.convs.0.bias", False),
        ("description='a: b'", "description", "a: b"),
    ],
)
def test_override(override: str, path: str, value: object) -> None:
    assert value_at(load_spec(TINY, [override]), path) == value


def test_overrides_apply_in_order() -> None:
    assert load_spec(TINY, ["train.epochs=3", "train.epochs=4"]).train.epochs == 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", "--set epochs: expects KEY=VALUE, as in blocks[0].dropout=0.05 or train.epochs=3"),
        ("=3", "--set =3: expects KEY=VALUE"),
        ("blocks[0]x=3", "--set blocks[0]x=3: "),
        ("train.epochs=yes", "--set train.epochs=yes: train.epochs: yes is ambiguous"),
        ("train.epochs=0", "--set train.epochs=0: train.epochs: must be at least 1, found 0"),
        ("train.epoch=3", "--set train.epoch=3: train.epoch: unknown key: did you mean 'epochs'?"),
        ("blocks[3].pool=max", "--set blocks[3].pool=max: blocks: has 3 entries, numbered from 0: there is no [3]"),
        ("blocks.pool=max", "--set blocks.pool=max: blocks: is a list: say which of its 3 entries, as in blocks[0]"),
        ("foo.bar=1", "--set foo.bar=1: foo: unknown key: known here: bases, blocks, checks"),
        ("blocks[0=1", "--set blocks[0=1: expects KEY=VALUE"),
        ("name=", "--set name=: name: "),
        ("a" + ".a" * 1500 + "=1", "--set a.a.a"),
        ("name.x=1", "--set name.x=1: name: is 'tiny3130': there is no 'x' in it"),
        ("blocks[0].convs[1].kernel_size=0", "--set blocks[0].convs[1].kernel_size=0: blocks[0].convs[1].kernel_size"),
    ],
)
def test_bad_override_names_the_option(override: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(TINY, [override])
    assert str(caught.value).startswith(message)


def test_an_error_in_the_file_still_names_its_line() -> None:
    with pytest.raises(SpecError, match=r"tiny3130.yaml:7: blocks\[0\].pool.kernel_size: 2 does not fit a 1x1 input"):
        load_spec(TINY, ["input.height=1", "input.width=1"])


def test_a_recipe_is_the_reference_wherever_it_says_nothing() -> None:
    reference = load_spec(TINY).train
    partial = {"schedule": {"name": "one_cycle"}, "optimizer": "sgd", "augment": ["ShiftScaleRotate"], "normalize": {}}
    for train in ({}, partial):
        assert Spec.model_validate({"name": "d", "blocks": [{"convs": [4]}], "train": train}).train == reference


def test_packaged_names_load_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_spec("tiny3130").plan.parameters == 3130


def test_a_choice_in_other_letter_case_is_suggested() -> None:
    with pytest.raises(SpecError, match="did you mean 'relu'"):
        load_spec(TINY, ["blocks[0].convs[0].activation=Relu"])


def test_defaults_fill_what_blocks_leave_out() -> None:
    defaults = {"kernel_size": 5, "bias": False, "activation": "silu", "pool": "max", "dropout": 0.1, "norm": "none"}
    blocks = [{"convs": [4, {"out_channels": 4, "bias": True}]}, {"convs": [4], "pool": "none", "dropout": 0}]
    head = {"kind": "linear", "hidden": [8]}
    spec = Spec.model_validate({"name": "d", "defaults": defaults, "blocks": blocks, "head": head})
    first, second = spec.blocks[0].convs
    assert (first.kernel_size, first.padding, first.bias, first.activation) == ((5, 5), (2, 2), False, "silu")
    assert second.bias
    assert (spec.blocks[0].pool.kind, spec.blocks[1].pool.kind) == ("max", "none")
    assert (spec.blocks[0].dropout.p, spec.blocks[1].dropout.p) == (0.1, 0.0)
    assert value_at(spec, "head.hidden.0.activation") == "silu"


@pytest.mark.parametrize("field", ["name", "blocks"])
def test_a_spec_is_frozen(field: str) -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(load_spec(TINY), field, "other")


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=specs())
def test_a_written_spec_reads_back_the_same(spec: Spec, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(dump_spec(spec), encoding="utf-8")
    assert load_spec(path) == spec


@pytest.mark.parametrize("description", ["yes", "010", "1:30", "null", "a: b", "é\u202e", "x\ny", "- a", "~", "1e5"])
def test_any_description_survives_writing(description: str, tmp_path: Path) -> None:
    spec = Spec.model_validate({"name": "d", "description": description, "blocks": [{"convs": [4]}]})
    path = tmp_path / "written.yaml"
    path.write_text(dump_spec(spec), encoding="utf-8")
    assert load_spec(path).description == description


def schema(cli: Cli) -> dict[str, object]:
    content: dict[str, object] = json.loads(cli("schema").out)
    return content


def test_schema_accepts_the_packaged_architectures(cli: Cli) -> None:
    validator = jsonschema.Draft202012Validator(schema(cli))
    for path in ARCHS.glob("*.yaml"):
        assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))] == []


@pytest.mark.parametrize(
    "change",
    [{"epoch": 1}, {"classes": "ten"}, {"blocks": [{"convs": [0]}]}, {"blocks": [{"convs": [4], "pool": "maxx"}]}],
    ids=["unknown key", "text for a number", "zero channels", "unknown pool"],
)
def test_schema_refuses_what_the_loader_refuses(cli: Cli, change: dict[str, object]) -> None:
    content = {"name": "net", "blocks": [{"convs": [4]}], **change}
    assert not jsonschema.Draft202012Validator(schema(cli)).is_valid(content)


def test_every_field_of_the_schema_has_a_description(cli: Cli) -> None:
    definitions = schema(cli)["$defs"]
    assert isinstance(definitions, dict)
    for model, definition in definitions.items():
        for name, field in definition.get("properties", {}).items():
            assert field.get("description"), f"{model}.{name} has no description"
