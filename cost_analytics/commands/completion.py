"""`cost-analytics completion`: completion scripts for shells."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from typing import Final

from cost_analytics.failures import MISUSED, CommandError

DESCRIPTION: Final = """\
Prints a script with which the shell completes commands, options and their values. Install it once:

  bash  cost-analytics completion bash > ~/.local/share/bash-completion/completions/cost-analytics
  zsh   cost-analytics completion zsh > ~/.zfunc/_cost-analytics   (~/.zfunc is in fpath)
  tcsh  cost-analytics completion tcsh >> ~/.cshrc
  fish  cost-analytics completion fish > ~/.config/fish/completions/cost-analytics.fish

Open a new shell afterwards. Needs the extra `terminal`: pip install 'cost-analytics[terminal]'.
"""
_SHELLS: Final = ("bash", "zsh", "tcsh", "fish")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the shell."""
    parser.add_argument("shell", metavar="SHELL", choices=_SHELLS, help=", ".join(_SHELLS))


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    require_terminal("completion")
    import shtab

    from cost_analytics.cli import COMMANDS, DEVELOPMENT, parser_of

    has_development = find_spec("devkit") is not None
    configured = [name for name in COMMANDS if has_development or name not in DEVELOPMENT]
    print(shtab.complete(parser_of(*configured), arguments.shell))
    return 0


def require_terminal(command: str) -> None:
    """Raise CommandError without the libraries of the extra `terminal`."""
    if find_spec("shtab") is None or find_spec("textual") is None:
        hint = "pip install 'cost-analytics[terminal]'"
        raise CommandError(f"`{command}` needs the extra `terminal`: {hint}", MISUSED)
