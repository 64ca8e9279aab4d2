"""The documentation tells the truth: each quick command it shows, run again, prints what the page says.

`pytest tests/docs --overwrite` refreshes the outputs. Commands that train, or need a trained network, are shown with
real outputs too, but are not run here.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.support.command_line import ROOT, Cli
from tests.support.image_sets import write_faulty_digits
from tinymnist import load_spec
from tinymnist.grading.declaration import load_assignment
from tinymnist.search.load import load_search

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```\n", re.S | re.M)
"""Language, the name of the file that it shows, content."""
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
QUICK = ("build", "summary", "check", "data", "list", "new", "front", "compare", "verify")


def blocks(page: Path, language: str) -> list[str]:
    return [found[3] for found in BLOCK.finditer(page.read_text(encoding="utf-8")) if found[1] == language]


def quick_commands(page: Path) -> list[list[str]]:
    """The words of every command on a page that needs no training."""
    shown = [shlex.split(line) for block in blocks(page, "console") for line, _ in COMMAND.findall(block)]
    return [words for words in shown if is_quick(words)]


def is_quick(words: list[str]) -> bool:
    return words[0] == "tinymnist" and words[1] in QUICK and not any(word.startswith("runs/") for word in words)


def with_commands() -> list[Path]:
    return [page for page in PAGES if quick_commands(page)]


def test_each_quick_command_is_shown() -> None:
    assert {words[1] for page in PAGES for words in quick_commands(page)} == set(QUICK)


@pytest.mark.parametrize("page", with_commands(), ids=lambda page: page.name)
def test_commands_print_what_the_page_says(
    page: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for folder in ("archs", "docs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    if any(words[1] == "verify" or (words[1] == "compare" and "/" in words[2]) for words in quick_commands(page)):
        monkeypatch.setenv("TINYMNIST_DATA", str(request.getfixturevalue("mnist_dir")))
    if page.name == "data.md":
        write_faulty_digits(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)

    def command(found: re.Match[str]) -> str:
        line = found[1]
        words = shlex.split(line)
        if words[0] == "touch":
            (tmp_path / words[1]).touch()
        return f"$ {line}\n{printed(cli, words)}" if is_quick(words) else found[0]

    def block(found: re.Match[str]) -> str:
        language, title, content = found.groups()
        if language == "yaml" and title:
            (tmp_path / title).write_text(content, encoding="utf-8")
        if language == "python" and title:
            exec(compile(content, title, "exec"), {})
        return found[0].replace(content, COMMAND.sub(command, content)) if language == "console" else found[0]

    text = page.read_text(encoding="utf-8")
    again = BLOCK.sub(block, text)
    if request.config.getoption("--overwrite"):
        page.write_text(again, encoding="utf-8")
    else:
        assert again.splitlines() == text.splitlines()


def printed(cli: Cli, words: list[str]) -> str:
    """What a command prints on both streams, cut by `| tail -n N` where the page says so."""
    words, cut = (words[: words.index("|")], words[-1]) if "|" in words else (words, None)
    outcome = cli(*words[1:])
    # torchinfo's unit is an enum, which Python 3.10 prints as its value and later versions as its name
    lines = (outcome.err + outcome.out).replace("mult-adds (M)", "mult-adds (Units.MEGABYTES)").rstrip().splitlines()
    return "".join(f"{line.rstrip()}\n" for line in (lines[-int(cut) :] if cut else lines))


def is_search(snippet: str) -> bool:
    return re.search(r"^(base|search|objective|rungs):", snippet, re.M) is not None


YAML = [(page, snippet) for page in PAGES for snippet in blocks(page, "yaml")]
ASSIGNMENTS = [snippet for _, snippet in YAML if re.search("^target:", snippet, re.M)]
SNIPPETS = [(page, snippet) for page, snippet in YAML if not is_search(snippet) and snippet not in ASSIGNMENTS]
SEARCHES = [snippet for _, snippet in YAML if is_search(snippet)]


@pytest.mark.parametrize(
    ("page", "snippet"), SNIPPETS, ids=[f"{page.name}:{text.split(':')[0]}" for page, text in SNIPPETS]
)
def test_snippet_is_part_of_a_valid_spec(page: Path, snippet: str, spec_file: Callable[[str], Path]) -> None:
    keys = re.findall(r"^(\w+):", snippet, re.M)
    name = "" if "name" in keys else "name: snippet\n"
    blocks = "" if "blocks" in keys else "blocks: [{convs: [4]}]\n"
    load_spec(spec_file(name + blocks + snippet))


@pytest.mark.parametrize("snippet", SEARCHES, ids=lambda snippet: snippet.split(":")[0])
def test_snippet_is_part_of_a_valid_search(snippet: str, spec_file: Callable[[str], Path]) -> None:
    whole: dict[str, object] = {
        "name": "snippet",
        "base": "smooth675",
        "budget": {"max_params": 675},
        "search": {"train.schedule.max_lr": {"log": [0.1, 0.2]}},
        "validation": 1000,
        "rungs": [{"epochs": 4}],
        "trials": 10,
    }
    load_search(str(spec_file(yaml.safe_dump(whole | yaml.safe_load(snippet)))))


@pytest.mark.parametrize("snippet", ASSIGNMENTS, ids=lambda snippet: snippet.split(":")[0])
def test_an_assignment_is_valid(snippet: str, spec_file: Callable[[str], Path]) -> None:
    load_assignment(str(spec_file(snippet)))


EXAMPLES = [(page, example) for page in PAGES for example in blocks(page, "python")]


@pytest.mark.parametrize(("page", "example"), EXAMPLES, ids=[page.name for page, _ in EXAMPLES])
def test_the_python_example_runs(page: Path, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "archs").symlink_to(ROOT / "archs")
    monkeypatch.chdir(tmp_path)
    quick = example.replace("train.epochs=2", "train.epochs=1").replace('"auto"', '"mnist-5k"')
    exec(compile(quick, page.name, "exec"), {})


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"], ids=lambda page: page.name
)
def test_links_lead_to_files(page: Path) -> None:
    """On the site, `mkdocs build --strict` checks them."""
    targets = re.findall(r"\]\((?!https?:|\.\./\.\./actions)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
