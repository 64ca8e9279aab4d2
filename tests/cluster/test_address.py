"""Where a scheduler may be, and what must secure the way there."""

from pathlib import Path

import pytest

from tests.support.command_line import Cli
from tinymnist.cluster.address import Scheduler
from tinymnist.errors import UsageError


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")]
    for path in found:
        path.touch()
    return found


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786", "tcp://127.9.9.9:1"]
)
def test_plain_tcp_is_for_this_machine(address: str) -> None:
    found = Scheduler.parse(address, None, None, None)
    assert (found.address, found.workers, found.certificates) == (address, 0, None)


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "tcp://example.org:8786", "tcp://[2001:db8::1]:8786"])
def test_plain_tcp_to_another_machine_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="plain TCP is for this machine alone: use tls:// with certificates"):
        Scheduler.parse(address, None, None, None)


def test_tls_needs_three_files(files: list[Path]) -> None:
    found = Scheduler.parse("tls://example.org:8786", *files)
    assert found.certificates is not None
    assert [found.certificates.authority, found.certificates.certificate, found.certificates.key] == files
    for missing in range(3):
        given = [None if place == missing else path for place, path in enumerate(files)]
        with pytest.raises(UsageError, match="needs --tls-ca, --tls-cert and --tls-key"):
            Scheduler.parse("tls://example.org:8786", *given)


def test_a_file_that_is_not_there_is_named(files: list[Path]) -> None:
    files[1].unlink()
    with pytest.raises(UsageError, match=r"--tls-cert .*cert.pem: no such file"):
        Scheduler.parse("tls://example.org:8786", *files)


def test_a_local_cluster_has_a_number_of_workers() -> None:
    found = Scheduler.parse("local:4", None, None, None)
    assert (found.address, found.workers, str(found)) == ("", 4, "local:4")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("local:0", "expects 1 to 1,024 workers"),
        ("local:9999", "expects 1 to 1,024 workers"),
        ("local", "expects an address, as in tls://host:8786"),
        ("example.org:8786", "expects an address"),
        ("tls://example.org", "expects an address"),
        ("tls://example.org:0", "expects an address"),
        ("tls://example.org:65536", "expects an address"),
        ("tls://exa mple:1", "expects an address"),
        ("http://example.org:80", "expects an address"),
        ("", "expects an address"),
    ],
)
def test_what_is_no_address_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        Scheduler.parse(text, None, None, None)


@pytest.mark.parametrize("address", ["local:2", "tcp://127.0.0.1:1"])
def test_certificates_where_none_are_used_are_refused(address: str, files: list[Path]) -> None:
    with pytest.raises(UsageError, match="certificates"):
        Scheduler.parse(address, *files)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["train", "tiny3130", "--scheduler", "local:2"], "--scheduler: is for several --seeds"),
        (["train", "tiny3130", "--seeds", "2", "--jobs", "2", "--scheduler", "local:2"], "--jobs: is for this machine"),
        (["search", "search.yaml", "--scheduler", "tcp://10.0.0.1:1"], "plain TCP is for this machine alone"),
    ],
    ids=["one training", "jobs", "plain"],
)
def test_options_that_do_not_go_together_are_refused(cli: Cli, arguments: list[str], problem: str) -> None:
    outcome = cli(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert problem in outcome.err
