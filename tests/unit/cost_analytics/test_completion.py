"""Completion scripts complete commands, options and values in a real shell."""

import shutil
import subprocess

import pytest

from cost_analytics.cli import COMMANDS, main

_COMPLETE = """
source /dev/stdin <<'SCRIPT'
{script}
SCRIPT
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
COMPREPLY=()
_shtab_cost_analytics cost-analytics "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
echo "${{COMPREPLY[@]}}"
"""


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("cost-analytics doct", ["doctor"]),
        ("cost-analytics dlq re", ["replay"]),
        ("cost-analytics dlq list --jso", ["--json"]),
        ("cost-analytics token --role ad", ["admin"]),
    ],
)
def test_bash_completes(
    words: str, completed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    program = _COMPLETE.format(script=script("bash", capsys), words=words)
    done = subprocess.run(
        [bash, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == completed, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh", "fish"])
def test_script_of_each_shell_has_all_commands(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = script(shell, capsys)
    assert [name for name in COMMANDS if name not in text] == []
