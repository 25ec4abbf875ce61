"""The shipped unit, installed as the README says, under the restrictions that the unit asks systemd for.

There need be no systemd: the unit's own command lines are run in a mount namespace in which nobody's home is to be seen
and nothing but the state directory can be written, as a user of its own without any capability. The kind: a program, an
interpreter, a configuration or a list in a place that the service cannot look into.
"""

import os
import shlex
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.require import file, program
from tests.support.running import running

ROOT = Path(__file__).parents[3]

WITHIN = """
set -e
mount -t tmpfs -o mode=755 none /opt
/usr/bin/python3 -m venv --without-pip "/opt/soawatch"
mkdir "/opt/soawatch/app"
cp -r "$SOURCE/monitor" "$SOURCE/checks" "$SOURCE/alerting" "/opt/soawatch/app"
mount --bind "$PACKAGES" "/opt/soawatch"/lib/python3*/site-packages
printf '#!%s\\nimport sys\\nsys.path.insert(0, "%s")\\nfrom monitor.__main__ import main\\nmain()\\n' \
    "/opt/soawatch/bin/python3" "/opt/soawatch/app" > "/opt/soawatch/bin/soawatch"
chmod 755 "/opt/soawatch/bin/soawatch"
if [ "$HIDDEN" != none ]; then
  mv /opt/soawatch /opt/hidden
  mkdir -p /opt/soawatch/bin
  ln -s /opt/hidden/bin/soawatch /opt/soawatch/bin/soawatch
  mount -t tmpfs -o mode=000 none /opt/hidden
fi
mount -t tmpfs -o mode=000 none /root
mount -t tmpfs -o mode=000 none /home
mount -o remount,ro /opt
chown 61184:61184 "$STATE"
cd "$STATE"
umask 0077
exec setpriv --reuid 61184 --regid 61184 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
"""


@pytest.fixture
def service(deployed: Path) -> dict[str, list[str]]:
    """The [Service] section of the unit; what it asks for is what is tried here."""
    lines = (deployed / "soawatch.service").read_text().splitlines()
    found: dict[str, list[str]] = {}
    for line in lines[lines.index("[Service]") :]:
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    for key, value in {"DynamicUser": "yes", "ProtectHome": "yes", "ProtectSystem": "strict", "UMask": "0077"}.items():
        assert found[key] == [value]
    return found


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the configuration and the state are: they would be in /etc/soawatch and /var/lib/soawatch."""
    if os.geteuid():
        pytest.skip("only root can start a service as another user")
    python = file("/usr/bin/python3", package="python3")
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_config_var('SOABI'))"]
    here = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    if here != sysconfig.get_config_var("SOABI"):
        pytest.skip(f"the python3 of the system ({here}) is another one than this, whose packages it would need")
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        directory.chmod(0o755)
        for name, mode in (("etc", 0o755), ("state", 0o700), ("credentials", 0o755)):
            (directory / name).mkdir(mode)
        (directory / "credentials" / "hook").write_text("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
        (directory / "credentials" / "hook").chmod(0o444)
        config = directory / "etc" / "soawatch.toml"
        config.write_text(CONFIG.format(state=directory / "state"))
        config.chmod(0o644)
        yield directory


CONFIG = """
[[zones]]
name = "example.com"
servers = ["127.0.0.1"]
[service]
listen = "127.0.0.1:0"
database = "{state}/soawatch.db"
[receivers.hook]
type = "webhook"
url = "https://hooks.example.com/"
secret_credential = "hook"
"""


def within(line: str, place: Path, hidden: str = "none") -> list[str]:
    """A command line of the unit, as systemd would run it."""
    words = [word.replace("/etc/soawatch", f"{place}/etc") for word in shlex.split(line)]
    env = {
        "PACKAGES": sysconfig.get_path("purelib"), "SOURCE": str(ROOT), "STATE": str(place / "state"),
        "HIDDEN": hidden, "CREDENTIALS_DIRECTORY": str(place / "credentials"),
    }  # fmt: skip
    settings = [f"{name}={value}" for name, value in env.items()]
    unshare = program("unshare", package="util-linux")
    return ["env", *settings, unshare, "--mount", "sh", "-c", WITHIN, "sh", *words]


def ran(line: str, place: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(within(line, place, **more), capture_output=True, text=True, check=False, timeout=60)


async def test_it_starts_reads_its_configuration_and_keeps_its_record(
    service: dict[str, list[str]], place: Path
) -> None:
    command = within(service["ExecStart"][0], place)
    async with running(place / "etc" / "soawatch.toml", *command) as process:
        await process.up()
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
    kept = place / "state" / "soawatch.db"
    assert (kept.stat().st_uid, kept.stat().st_mode & 0o777) == (61184, 0o600)


def test_the_readme_installs_where_the_unit_looks(service: dict[str, list[str]]) -> None:
    install = (ROOT / "README.md").read_text().partition("<!-- install -->")[2].partition("<!-- /install -->")[0]
    program = Path(shlex.split(service["ExecStart"][0])[0])
    assert f"python3 -m venv {program.parents[1]}\n" in install
    assert f"{program} deploy-files deploy\n" in install


def test_a_reload_checks_first_with_the_credentials(service: dict[str, list[str]], place: Path) -> None:
    check, hup = service["ExecReload"]
    assert hup == "/bin/kill -HUP $MAINPID"
    said = ran(check, place)
    assert (said.returncode, said.stdout) == (0, ""), said.stderr
    (place / "credentials" / "hook").unlink()
    said = ran(check, place)
    assert said.returncode == 78
    assert "receivers.hook.secret_credential" in said.stderr


def test_a_configuration_that_only_root_may_read_is_not_tried_again(service: dict[str, list[str]], place: Path) -> None:
    (place / "etc" / "soawatch.toml").chmod(0o600)
    said = ran(service["ExecStart"][0], place)
    assert said.returncode == 78
    assert "belongs to root:root, mode 0600; this runs as uid 61184" in said.stderr
    assert service["RestartPreventExitStatus"] == ["78"]


def test_a_program_in_somebodys_home_is_not_found(service: dict[str, list[str]], place: Path) -> None:
    """What the unit cannot do, so that the tests above are known to hide what systemd hides."""
    said = ran(service["ExecStart"][0], place, hidden="program")
    assert said.returncode in (126, 127)
    assert "running" not in said.stderr
