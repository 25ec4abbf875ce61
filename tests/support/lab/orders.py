"""Orders to a running nameserver, in the words that an operator types."""

import os
import shlex
import subprocess

from tests.support.lab.server import Server


def order(server: Server, line: str, *, typed: str = "", **environment: str) -> None:
    """Run a line such as ``rndc retransfer example.test`` against that server; commands are joined by ``&&``.

    ``typed`` is what the program is told when it asks. Fails with what it says when it does not end well.
    """
    programs = server.driver.orders(server.room)
    for command in line.split("&&"):
        name, *words = shlex.split(command)
        done = subprocess.run(
            [*programs[name], *words],
            cwd=server.room,
            env={**os.environ, **environment},
            input=typed,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        said = f"{server!r}: {command.strip()}\n{done.stdout}{done.stderr}\n{server.last_words()}"
        assert done.returncode == 0, said
