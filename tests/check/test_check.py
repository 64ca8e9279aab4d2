"""`check`: verdicts, formats, exit codes, and huge specs."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.command_line import ARCHS, ROOT, Cli
from tinymnist.spec.packaged import packaged_files

TINY = ARCHS / "tiny3130.yaml"


def test_no_path_means_every_yaml_in_archs(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    outcome = cli("check", "--max-params", 3130)
    assert outcome.code == 0
    files = {line.split()[1].split(":")[0] for line in outcome.out.splitlines()[:-1]}
    assert files == {f"archs/{path.name}" for path in ARCHS.glob("*.yaml")}
    assert outcome.out.splitlines()[-1].startswith(f"{len(files)} architectures, ")


def test_without_an_archs_folder_the_packaged_ones_are_checked_and_it_says_so(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli("check", "--max-params", 3130)
    assert outcome.code == 0
    assert (
        outcome.err
        == f"no folder ./archs here: these are the {len(packaged_files())} architectures that come with tinymnist\n"
    )
    assert "tiny3130.yaml" in outcome.out


def test_the_reference_documents_four_tests_are_in_tiny3130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert cli("check", "archs/tiny3130.yaml").out == (
        "ok   archs/tiny3130.yaml:17: exact_params: asked exactly 3,130 parameters, found 3,130\n"
        "ok   archs/tiny3130.yaml:18: require batch_norm: asked at least 1, found 5\n"
        "ok   archs/tiny3130.yaml:18: require dropout: asked at least 1, found 3\n"
        "ok   archs/tiny3130.yaml:18: require linear: asked at least 1, found 1\n"
        "ok   archs/tiny3130.yaml:19: linear: asked a linear layer 90 -> 10, found 90 -> 10\n"
        "1 architecture, 5 rules: all passed\n"
    )


@pytest.mark.parametrize(
    ("options", "code", "last"),
    [
        (["--max-params", 3130], 0, "--max-params: asked at most 3,130 parameters, found 3,130"),
        (["--max-params", 3129], 1, "--max-params: asked at most 3,129 parameters, found 3,130"),
        (["--exact-params", 3130], 0, "--exact-params: asked exactly 3,130 parameters, found 3,130"),
        (["--exact-params", 3131], 1, "--exact-params: asked exactly 3,131 parameters, found 3,130"),
        (["--max-macs", 530_100], 0, "--max-macs: asked at most 530,100 multiply-adds, found 530,100"),
        (["--max-macs", 530_099], 1, "--max-macs: asked at most 530,099 multiply-adds, found 530,100"),
        (["--max-ram", 4890], 0, "--max-ram: asked at most 4,890 bytes of scratch memory in int8, found 4,890"),
        (["--max-ram", 4889], 1, "--max-ram: asked at most 4,889 bytes of scratch memory in int8, found 4,890"),
        (
            ["--max-flash", 4067],
            0,
            "--max-flash: asked at most 4,067 bytes of flash in int8, as estimated, found 4,067",
        ),
        (
            ["--max-flash", 4066],
            1,
            "--max-flash: asked at most 4,066 bytes of flash in int8, as estimated, found 4,067",
        ),
        (["--max-layers", 6], 0, "--max-layers: asked at most 6 layers with weights, found 6"),
        (["--max-layers", 5], 1, "--max-layers: asked at most 5 layers with weights, found 6"),
        (["--max-blocks", 3], 0, "--max-blocks: asked at most 3 blocks, found 3"),
        (["--max-blocks", 2], 1, "--max-blocks: asked at most 2 blocks, found 3"),
        (["--max-epochs", 20], 0, "--max-epochs: asked at most 20 epochs, found 20"),
        (["--max-epochs", 19], 1, "--max-epochs: asked at most 19 epochs, found 20"),
        (["--forbid", "distill"], 0, "--forbid distill: asked none, found 0"),
        (["--require", "distill"], 1, "--require distill: asked at least 1, found 0"),
        (["--require", "max_pool"], 0, "--require max_pool: asked at least 1, found 3"),
        (["--require", "residual"], 1, "--require residual: asked at least 1, found 0"),
        (["--forbid", "residual"], 0, "--forbid residual: asked none, found 0"),
        (["--forbid", "linear"], 1, "--forbid linear: asked none, found 1"),
    ],
)
def test_rules_of_the_command_line(cli: Cli, options: list[object], code: int, last: str) -> None:
    outcome = cli("check", TINY, *options)
    mark = "ok  " if code == 0 else "FAIL"
    assert (outcome.code, outcome.out.splitlines()[-2]) == (code, f"{mark} {TINY}:5: {last}")


def test_features_may_stand_in_one_option(cli: Cli) -> None:
    assert "7 rules" in cli("check", TINY, "--require", "linear,dropout").out


def test_an_unknown_feature_is_a_usage_error(cli: Cli) -> None:
    outcome = cli("check", TINY, "--require", "batchnorm")
    assert (outcome.code, outcome.err) == (
        2,
        "tinymnist: --require batchnorm: no such feature: did you mean 'batch_norm'?\n",
    )


def test_an_invalid_spec_does_not_hide_the_others(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    bad = spec_file("name: bad\n")
    outcome = cli("check", bad, TINY, "--max-params", 1)
    assert outcome.code == 2
    assert outcome.err == f"tinymnist: {bad}:1: blocks: is missing: every spec needs it\n"
    assert outcome.out.splitlines()[-1] == "2 architectures, 6 rules: 1 failed, 1 invalid spec"


def test_a_folder_means_every_yaml_in_it(cli: Cli) -> None:
    assert cli("check", ARCHS).out == cli("check", *sorted(ARCHS.glob("*.yaml"))).out


def test_folders_within_a_folder_are_checked_too(cli: Cli, tmp_path: Path) -> None:
    for name in ("alice/a.yaml", "bob/deep/b.yml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("name: net\nblocks: [{convs: [4], pool: max}]\n")
    assert cli("check", tmp_path).out.splitlines()[-1] == "2 architectures, 2 rules: all passed"


def test_files_that_systems_and_trainings_leave_are_passed_over(cli: Cli, tmp_path: Path) -> None:
    spec = "name: net\nblocks: [{convs: [4], pool: max}]\n"
    names = ("a.yaml", "B.YML", "__MACOSX/._a.yaml", ".hidden/c.yaml", "._a.yaml", "runs/net-1/spec.yaml")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(spec)
    (tmp_path / "runs" / "net-1" / "environment.json").write_text("{}")
    outcome = cli("check", tmp_path)
    assert [line.split()[1] for line in outcome.out.splitlines()[:-1]] == [
        f"{tmp_path}/B.YML:1:",
        f"{tmp_path}/a.yaml:1:",
    ]
    assert outcome.err == (
        f"{tmp_path}: passed over 4 files (hidden, links elsewhere, of runs): {tmp_path}/.hidden/c.yaml, "
        f"{tmp_path}/runs/net-1/spec.yaml, {tmp_path}/._a.yaml, ...\n"
    )


@pytest.mark.parametrize("target", ["secret", "nowhere"])
def test_a_link_out_of_the_folder_is_not_read(target: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("token\n")
    folder = tmp_path / "submissions"
    folder.mkdir()
    (folder / "a.yaml").symlink_to(tmp_path / target)
    outcome = cli("check", folder)
    assert (outcome.code, "token" in outcome.out + outcome.err) == (2, False)
    assert outcome.err.startswith(f"{folder}: passed over 1 file (hidden, links elsewhere, of runs): {folder}/a.yaml\n")


def test_without_an_archs_folder_the_specs_of_this_folder_are_checked(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("name: net\nblocks: [{convs: [4], pool: max}]\n")
    (tmp_path / "compose.yml").write_text("services: {}\n")
    outcome = cli("check")
    assert (outcome.code, outcome.err) == (0, "no folder ./archs here: this is the architecture in this folder\n")
    assert outcome.out.startswith("ok   mine.yaml:1: ")


DOUBTFUL = "name: net\nblocks: [{convs: [4], pool: max, dropout: 0.001}]\n"
DOUBT = "blocks[0].dropout: 0.001 drops next to nothing: leave it out, or give at least 0.005"


def test_what_is_almost_surely_a_mistake_is_a_warning(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    path = spec_file(DOUBTFUL)
    outcome = cli("check", path)
    assert outcome.code == 0
    assert outcome.out.splitlines()[1:] == [
        f"warn {path}:2: {DOUBT}",
        "1 architecture, 1 rule: all passed, 1 warning",
    ]


def test_with_strict_it_is_a_failure(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    path = spec_file(DOUBTFUL)
    outcome = cli("check", path, "--strict")
    assert outcome.code == 1
    assert outcome.out.splitlines()[1] == f"FAIL {path}:2: --strict: {DOUBT}"


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 1)], ids=["plain", "strict"])
def test_build_warns_too(options: list[str], code: int, cli: Cli, spec_file: Callable[[str], Path]) -> None:
    outcome = cli("build", spec_file(DOUBTFUL), *options)
    assert (outcome.code, outcome.err) == (code, f"warning: net: {DOUBT}\n")
    assert outcome.out.startswith("net: ")


def test_json_has_warnings(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    path = spec_file(DOUBTFUL)
    (architecture,) = json.loads(cli("check", path, "--json").out)["architectures"]
    where, _, message = DOUBT.partition(": ")
    assert architecture["warnings"] == [{"path": where, "message": message, "file": str(path), "line": 2}]
    assert architecture["parameters"] == 40 + 8 + 10 * (4 * 14 * 14 + 1)


def test_github_shows_warnings_as_such(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    path = spec_file(DOUBTFUL)
    lines = cli("check", path, "--format", "github").out.splitlines()
    assert lines[0].startswith(f"::warning file={path},line=2,title=blocks[0].dropout::0.001 drops next to nothing")


def test_a_folder_without_yaml_is_a_usage_error(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("check", tmp_path)
    assert (outcome.code, outcome.err.split(": ", 2)[2][:18]) == (2, "holds no architect")


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"]], ids=" ".join)
def test_json_has_every_verdict(cli: Cli, option: list[str]) -> None:
    outcome = cli("check", TINY, "--max-params", 3000, *option)
    content = json.loads(outcome.out)
    (architecture,) = content["architectures"]
    assert (content["schema_version"], content["exit_code"], outcome.code) == (1, 1, 1)
    assert architecture["rules"][-1] == {
        "rule": "--max-params",
        "given_by": "command line",
        "asked": "at most 3,000 parameters",
        "found": 3130,
        "passed": False,
        "file": str(TINY),
        "line": 5,
        "option": None,
    }


def test_junit_has_one_case_per_rule(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    bad = spec_file("name: bad\n")
    root = ElementTree.fromstring(cli("check", TINY, bad, "--max-params", 3000, "--format", "junit").out)
    assert [(suite.get("tests"), suite.get("failures"), suite.get("errors")) for suite in root] == [
        ("6", "1", "0"),
        ("1", "0", "1"),
    ]
    assert len(root.findall(".//failure")) == 1


def test_control_characters_in_a_path_spoil_no_format(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "esc\x1b[31m\n::error::x.yaml"
    path.write_text("name: net\nblocks: [{convs: [4]}]\n")
    for form in ("text", "github", "junit", "json"):
        out = cli("check", path, "--max-params", 1, "--format", form).out
        assert "\x1b" not in out
        assert "\n::error::x" not in out
    ElementTree.fromstring(cli("check", path, tmp_path / "no\x01.yaml", "--format", "junit").out)


@pytest.mark.parametrize("form", ["github", "junit"])
def test_json_and_another_format_at_once_are_refused(cli: Cli, form: str) -> None:
    outcome = cli("check", TINY, "--json", "--format", form)
    assert outcome.code == 2
    assert json.loads(outcome.out)["error"]["message"] == f"--json and --format {form}: give one of them"


def test_github_annotates_the_line(cli: Cli) -> None:
    outcome = cli("check", TINY, "--max-params", 3000, "--format", "github")
    assert outcome.out.splitlines()[0] == (
        f"::error file={TINY},line=5,title=--max-params::asked at most 3,000 parameters, found 3,130"
    )


def test_github_annotates_the_line_of_an_invalid_spec(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    bad = spec_file("name: bad\nblocks: []\n")
    out = cli("check", bad, "--format", "github").out
    assert out.splitlines()[0] == f"::error file={bad},line=2,title=invalid spec::blocks: needs at least 1 entry"


def test_a_spec_without_rules_is_still_judged_valid(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    path = spec_file("name: net\nblocks: [{convs: [4]}]\n")
    assert cli("check", path).out.splitlines()[0] == f"ok   {path}:1: valid: 31,418 parameters"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
@pytest.mark.parametrize(
    ("blocks", "parameters"),
    [
        ("  - convs: [{out_channels: 6, kernel_size: 3, activation: silu}]\n" * 10_000, "3,466,780"),
        ("  - convs: [1000000000, 1000000000]\n", "9,000,007,855,000,000,010"),
    ],
    ids=["10,000 layers", "a billion channels"],
)
def test_huge_specs_get_their_verdict_within_150_mb(
    blocks: str, parameters: str, spec_file: Callable[[str], Path]
) -> None:
    path = spec_file(f"name: huge\nblocks:\n{blocks}")
    code = (
        "import sys; from tinymnist.cli import run; code = run(sys.argv[1:]); "
        "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "check", str(path), "--max-params", "3130"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    verdict, *_, peak_kb = done.stdout.splitlines()
    assert done.returncode == 1
    assert verdict.endswith(f"--max-params: asked at most 3,130 parameters, found {parameters}")
    assert int(peak_kb) < 150_000
