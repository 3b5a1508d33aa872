"""A small day through real processes, and ends before its time."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from payhub import embedded
from payhub.demo.run import run_demo

ROOT = Path(__file__).parents[2]
SERVE = "import sys; from pathlib import Path; from payhub.demo.serve import serve; sys.exit(serve(Path(sys.argv[1])))"
DEMO = "import sys; from pathlib import Path; from payhub.demo.run import run_demo; sys.exit(run_demo(2000, Path(sys.argv[1])))"


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="ph-") as folder:
        yield Path(folder) / "home"


@pytest.fixture
def begin(home, tmp_path):
    """Start a program in a process of its own, its output in a file."""
    started = []

    def begin(program):
        output = tmp_path / "output"
        with output.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, "-c", program, str(home)], cwd=ROOT, stdout=file, stderr=file, start_new_session=True
            )
        started.append(child)
        return child, output

    yield begin
    for child in started:
        child.kill()
        child.wait()


def wait_for(child, output, words, patience_s=60):
    deadline = time.monotonic() + patience_s
    while words not in output.read_text():
        assert child.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)


def left_of(home):
    """Whatever still runs and was told of this home."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                told = Path(f"/proc/{entry.name}/environ").read_bytes() + Path(f"/proc/{entry.name}/cmdline").read_bytes()
            except OSError:
                continue
            if str(home).encode() in told:
                found.append(told)
    return found


@pytest.mark.heavy
def test_every_proof_of_a_small_day_holds(home, capsys):
    code = run_demo(40, home)
    said = capsys.readouterr().out
    assert code == 0, said
    assert "every proof holds" in said
    assert "BROKEN" not in said
    assert "Totals of the business day" in said
    for kind in (
        "missing_at_gateway",
        "missing_at_hub",
        "amount_differs",
        "duplicate_at_gateway",
        "late",
        "reversed",
        "paid_twice",
        "banked_differs",
        "statement_gap",
    ):
        assert kind in said
    [confirmed] = re.findall(r"every CONFIRM is verified by the portal of the national contract +([0-9]+) verified", said)
    assert int(confirmed) > 0
    for account in ("vnpay-main", "momo-main", "zalopay-main"):
        assert list((home / "demo" / "settlements").glob(f"{account}-*.csv"))
        assert f"{account}: no money is lost" in said
    assert {path.suffix for path in (home / "demo" / "statements").iterdir()} == {".xml", ".txt"}
    [banked] = re.findall(r"Three ways to the same money.*^all +[0-9.]+ +[0-9.]+ +[0-9.]+ +([0-9.]+)", said, re.DOTALL | re.MULTILINE)
    assert int(banked.replace(".", "")) > 0
    laws = re.findall(r"^holds +(.*(?:payout|statement|movement).*?) +([0-9,]+) checked", said, re.MULTILINE)
    # Nobody works on the demo's day and nothing comes by itself: both have tests of their own.
    assert not [law for law, checked in laws if checked == "0" and "agree" not in law and "came by itself" not in law]
    assert len(laws) > 7
    assert not left_of(home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.heavy
def test_an_interrupted_demo_leaves_nothing_running(begin, home, number):
    child, output = begin(DEMO)
    wait_for(child, output, "starting web")
    web = home / "log" / "demo" / "web.log"
    deadline = time.monotonic() + 30
    while not web.exists() or "callback" not in web.read_text():
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)
    child.send_signal(number)
    assert child.wait(60) == 130, output.read_text()
    assert "interrupted" in output.read_text()
    assert not left_of(home)


@pytest.mark.heavy
def test_a_killed_process_fails_the_demo_and_says_which(begin, home):
    child, output = begin(DEMO)
    wait_for(child, output, "starting web")
    deadline = time.monotonic() + 30
    while not (found := [told for told in pids_of(home) if b"payhub\0worker" in told[1]]):
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)
    for pid, _ in found:
        os.kill(pid, signal.SIGKILL)
    assert child.wait(120) == 1, output.read_text()
    assert "worker ended" in output.read_text()
    assert not left_of(home)


def pids_of(home):
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                environment = Path(f"/proc/{entry.name}/environ").read_bytes()
                command = Path(f"/proc/{entry.name}/cmdline").read_bytes()
            except OSError:
                continue
            if str(home).encode() in environment:
                yield int(entry.name), command


@pytest.mark.heavy
@pytest.mark.usefixtures("development_ports")
def test_a_development_hub_prints_a_curl_that_creates_a_payment(begin, home):
    child, output = begin(SERVE)
    wait_for(child, output, "Ctrl-C stops everything")
    command = re.search(r"curl -sS .*?(?=\n\n)", output.read_text(), re.DOTALL)[0]
    words = shlex.split(command.replace("\\\n", " "))
    headers = dict(word.split(": ", 1) for flag, word in pairwise(words) if flag == "-H")
    answer = requests.post(words[2], data=words[words.index("-d") + 1].encode(), headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
    payment = answer.json()
    assert payment["lines"][1]["agency"] == "000.00.00.G17"
    page = requests.get(payment["checkout_url"], timeout=30)
    assert page.status_code == 200
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == 0
    assert not left_of(home)


@pytest.mark.heavy
def test_stores_that_a_killed_demo_left_running_are_used_and_stopped_by_the_next(home):
    embedded.start(home)
    assert run_demo(0, home) == 0
    assert not left_of(home)


def test_a_second_demo_in_the_same_folder_is_refused(home, capsys):
    from payhub.demo.surroundings import alone

    with alone(home, "demo"):
        assert run_demo(1, home) == 1
    assert "another process works in" in capsys.readouterr().out
