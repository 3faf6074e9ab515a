"""The commands of docs/bioimageio.md are ones that the command line knows."""

import re
import shlex
from pathlib import Path

import pytest

from napari_segen.cli import _parser

PAGE = Path(__file__).parents[2] / "docs" / "bioimageio.md"


def commands():
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    lines = block.replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines]


@pytest.mark.parametrize("argv", commands(), ids=lambda argv: argv[0])
def test_the_commands_are_understood(argv):
    assert _parser().parse_args(argv).command == argv[0]


@pytest.mark.parametrize("missing", ["--author", "--license", "--bioimageio"])
def test_what_must_be_said_is_asked_for(missing, capsys):
    argv = ["export", "m.segen", "--author", "A", "--license", "MIT"]
    argv += ["--bioimageio", "o.zip"]
    at = argv.index(missing)
    with pytest.raises(SystemExit):
        _parser().parse_args(argv[:at] + argv[at + 2 :])
    assert missing in capsys.readouterr().err
