"""soawatch completion: scripts that shells take, and what they then complete."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from monitor.cli.main import COMMANDS
from monitor.pair.faults import FAULTS
from tests.support.require import program
from tests.support.speaking import SPOKEN, say


async def completed(words: str, at: int) -> list[str]:
    """What the shell is told when the cursor is in word number ``at``: kind and word on each line."""
    asked = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", stdout=asyncio.subprocess.PIPE,
        env={**SPOKEN, "_SOAWATCH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)},
    )  # fmt: skip
    out, _ = await asked.communicate()
    return [line.partition(",")[2] for line in out.decode().splitlines()]


async def test_words_are_completed() -> None:
    assert await completed("soawatch che", 1) == ["check", "check-config"]
    assert await completed("soawatch ", 1) == list(COMMANDS)
    assert await completed("soawatch explain serial-o", 2) == ["serial-overdue"]
    assert "--nagios" in await completed("soawatch check --", 2)
    assert await completed("soawatch pair break lam", 3) == ["lame"]
    assert await completed("soawatch demo --only f", 3) == [name for name in FAULTS if name.startswith("f")]
    assert await completed("soawatch completion ", 2) == ["bash", "zsh", "fish"]


async def test_bash_takes_its_script_and_completes(tmp_path: Path) -> None:
    bash = program("bash", package="bash")
    script = tmp_path / "soawatch.bash"
    script.write_text((await say("completion", "bash")).out)
    command = tmp_path / "soawatch"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m monitor "$@"\n')
    command.chmod(0o755)
    typed = (
        f"source {script}; COMP_WORDS=(soawatch che); COMP_CWORD=1; "
        "complete -p soawatch >&2; _soawatch_completion soawatch; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    shell = await asyncio.create_subprocess_exec(
        bash, "--norc", "-eu", "-c", typed, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**SPOKEN, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    out, err = await shell.communicate()
    assert shell.returncode == 0, err
    assert out.decode().split() == ["check", "check-config"]
    assert b"_soawatch_completion" in err


@pytest.mark.parametrize("shell", ["zsh", "fish"])
async def test_the_others_have_scripts_too(tmp_path: Path, shell: str) -> None:
    said = await say("completion", shell)
    assert said.status == 0
    assert f"_SOAWATCH_COMPLETE={shell}_complete" in said.out
    if found := shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(said.out)
        read = await asyncio.create_subprocess_exec(found, "-n", str(script), stderr=asyncio.subprocess.PIPE)
        assert (await read.communicate())[1] == b""
        assert read.returncode == 0


async def test_a_shell_we_do_not_know() -> None:
    said = await say("completion", "tcsh")
    assert said.status == 2
    assert "'bash', 'zsh', 'fish'" in said.err
