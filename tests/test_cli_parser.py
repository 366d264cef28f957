"""Command line without a command, help texts and mistyped arguments."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sklearn_temo.cli import main

COMMANDS = ("demo", "extract", "train", "evaluate", "predict", "explain", "report", "live")


def test_without_a_command_the_short_help_is_printed(capsys):
    assert main([]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    for command in COMMANDS:
        assert f"\n    {command} " in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tran"], "no command 'tran'; did you mean train?"),
        (["xyz", "clips"], "no command 'xyz'; the commands are demo, extract"),
        (["--verson"], "--verson"),
    ],
)
def test_mistyped_commands_are_one_line(capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    output, errors = capsys.readouterr()
    assert output == ""
    (line,) = errors.splitlines()
    assert line.startswith("sklearn-temo: error: ")
    assert message in line
    assert line.endswith("; see sklearn-temo --help")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_an_example_and_the_exit_codes(capsys, command):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert f"example:\n  sklearn-temo {command} " in text
    assert "\nexit codes:\n  0 " in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_the_example_of_the_help_has_valid_arguments(capsys, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    (example,) = (line for line in text.splitlines() if line.startswith("  sklearn-temo "))
    # The options exist, the files do not; `extract` lists missing files as failures.
    with contextlib.suppress(SystemExit):
        main(example.split()[1:])
    error = capsys.readouterr().err
    assert "--help" not in error
    assert "o such" in error


def test_help_is_printed_without_heavy_imports():
    code = """
import sys
from pathlib import Path
from sklearn_temo.cli import main
try:
    main(["train", "--help"])
except SystemExit:
    pass
assert not {"torch", "mediapipe", "matplotlib", "skops", "sklearn"} & sys.modules.keys()
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_closed_pipe_is_no_traceback():
    command = [sys.executable, "-m", "sklearn_temo", "--help"]
    # Without a buffer, argparse itself ignores the error.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    pipe = subprocess.PIPE
    run = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)
    run.stdout.close()
    assert run.communicate()[1] == ""
    assert run.returncode == 141


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_line_is_printed_before_the_imports(quiet, tmp_path):
    command = [sys.executable, "-m", "sklearn_temo", "predict", "gone.skops", "clips", *quiet]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 2
    *first, error = run.stderr.splitlines()
    assert first == ([] if quiet else ["predict: loading libraries"])
    assert error.startswith("sklearn-temo predict: error: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_output_that_cannot_be_written_exits_with_4():
    # Without a buffer, argparse itself ignores the error.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "sklearn_temo", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environment,
        )
    assert run.returncode == 4
    assert run.stderr == "stopped: the output cannot be written (No space left on device)\n"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_closed_stream_is_no_error(monkeypatch, capsys, name):
    monkeypatch.setattr(sys, name, None)
    with pytest.raises(SystemExit, match="0" if name == "stdout" else "2"):
        main(["--version"] if name == "stdout" else ["nothing"])
    assert capsys.readouterr() == ("", "")
