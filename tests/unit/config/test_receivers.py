"""What could never be delivered is refused before it is needed, and secrets that protect nobody are warned of."""

from base64 import b64encode
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli.check_config import command
from monitor.config.load import ConfigError, parse
from monitor.config.model import Config
from monitor.config.named_token import Role

ZONE = '[[zones]]\nname = "example.com"\nservers = ["192.0.2.1"]\n'
KEYED = f'{ZONE}transfer = {{ key = "k", expect = "allowed" }}\n'
EXAMPLE = '(write for example "https://hooks.example.com/dns")'
LEAVE = "a private or loopback address (allow_private = true would permit it)"


def read(text: str, place: Path = Path("/etc/soawatch"), **env: str) -> Config:
    return parse(text, place / "c.toml", env)


def mistake(text: str, place: Path = Path("/etc/soawatch"), **env: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, place, **env)
    (line,) = str(caught.value).splitlines()
    return line.removeprefix(f"{place}/c.toml:")


def warnings(text: str, place: Path = Path("/etc/soawatch"), **env: str) -> list[str]:
    return [each.removeprefix(f"{place}/c.toml:") for each in read(text, place, **env).warnings]


def hook(settings: str) -> str:
    return f'{ZONE}[receivers.h]\ntype = "webhook"\n{settings}\n'


def mail(smtp: str) -> str:
    return f'{ZONE}[receivers.m]\ntype = "email"\nto = "dns@example.com"\nsmtp = {{ {smtp} }}\n'


def secret(octets: int) -> str:
    return b64encode(b"x" * octets).decode()


# --- where nothing can ever be delivered ---


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("hooks.example.com/x", f"is not a URL: it begins with neither http:// nor https:// {EXAMPLE}"),
        ("htps://hooks.example.com/x", "is not a URL of http or https (did you mean https://?)"),
        ("file:///etc/passwd", f"is not a URL of http or https {EXAMPLE}"),
        ("http://127.0.0.1:9095/x", f"leads to {LEAVE}"),
        ("http://localhost/x", f"leads to {LEAVE}"),
        ("http://127.1/x", f"leads to {LEAVE}"),
        ("http://[::1]/x", f"leads to {LEAVE}"),
        ("http://[::ffff:0:10.0.0.1]/x", f"leads to {LEAVE}"),
        ("http://192.168.1.1/x", f"leads to {LEAVE}"),
        ("http://169.254.169.254/x", "leads to a link-local or metadata address"),
        ("https://hooks.example.com:70000/x", f"names a port that is not one, from 1 to 65535 {EXAMPLE}"),
        ("https://hooks..example.com/x", f"names a host that is neither a name nor an address {EXAMPLE}"),
    ],
)
def test_a_webhook_that_leads_nowhere(tmp_path: Path, url: str, said: str) -> None:
    """However the URL is given, its own key is named."""
    assert mistake(hook(f'url = "{url}"')).removesuffix("\n") == f"6: receivers.h.url: {said}"
    assert mistake(hook('url_env = "HOOK"'), HOOK=url) == f"6: receivers.h.url_env: {said}"
    (tmp_path / "url").write_text(f"{url}\n")
    (tmp_path / "url").chmod(0o600)
    assert mistake(hook('url_file = "url"'), tmp_path) == f"6: receivers.h.url_file: {said}"


def test_where_it_leads_inside_is_for_the_operator_to_permit_but_never_to_metadata() -> None:
    assert warnings(hook('url = "http://127.0.0.1:9095/x"\nallow_private = true')) == []
    assert warnings(hook('url = "http://alertmanager:9095/x"')) == []
    said = mistake(hook('url = "http://169.254.169.254/x"\nallow_private = true'))
    assert said == "6: receivers.h.url: leads to a link-local or metadata address"


@pytest.mark.parametrize(
    ("smtp", "said"),
    [
        ('host = "smtp://mail.example.com"', "host: is a URL, not a host (the name alone; port and tls have keys"),
        ('host = "mail.example.com:587"', "host: holds a port (write host and port = 587)"),
        ('host = "[2001:db8::1]"', "host: is an address in brackets (write it without them)"),
        ('host = ""', "host: is neither a name nor an address"),
        ('host = "dns@example.com"', "host: is neither a name nor an address"),
        ('host = "mail..example.com"', "host: is neither a name nor an address"),
        ('host = "0.0.0.0"', "host: is not the address of one machine"),
        ('host = "mail.example.com", port = 0', "port: 0 is not a port (a number from 1 to 65535)"),
        ('host = "mail.example.com", port = 65536', "port: 65536 is not a port"),
        ('host = "mail.example.com", helo = "my monitor"', "helo: is neither a host name nor an address in brackets"),
        (
            'host = "mail.example.com", username = "a\\u0000b", password_env = "PW"',
            "username: holds a control character",
        ),
    ],
)
def test_a_mail_server_that_cannot_be(smtp: str, said: str) -> None:
    assert mistake(mail(smtp), PW="sesame").startswith(f"7: receivers.m.smtp.{said}")


@pytest.mark.parametrize("host", ["mail.example.com", "localhost", "127.0.0.1", "::1", "relay", "bücher.example"])
def test_a_mail_server_may_be_anywhere(host: str) -> None:
    assert warnings(mail(f'host = "{host}", tls = "none", helo = "[192.0.2.1]"')) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("dns.example.net", "must be the address of a page"),
        ("https://u:p@dns.example.net/", "must be the address of a page, without a password"),
        ("https://dns.example.net:70000/", "names a port that is not one"),
        ("https://dns..example.net/", "names a host that is neither a name nor an address"),
        ("http://0.0.0.0:9953/", "leads to not the address of one machine"),
    ],
)
def test_a_page_that_nobody_can_open(url: str, said: str) -> None:
    assert mistake(f'{ZONE}[service]\nurl = "{url}"\n').startswith(f"5: service.url: {said}")
    assert warnings(f'{ZONE}[service]\nurl = "http://127.0.0.1:9953/"\n') == []


def test_check_config_refuses_it_with_78(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(hook('url = "htps://hooks.example.com/x"'))
    result = CliRunner().invoke(command, [str(tmp_path / "c.toml")])
    assert result.exit_code == 78
    assert result.stderr == (
        f"{tmp_path}/c.toml:6: receivers.h.url: is not a URL of http or https (did you mean https://?)\n"
    )


@pytest.mark.parametrize("text", ["", "no certificate\n"])
def test_certificates_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "ca.pem").write_text(text)
    for receiver in (
        hook('url = "https://h.example/"\nca_file = "ca.pem"'),
        mail('host = "h"') + 'ca_file = "ca.pem"\n',
    ):
        assert "ca_file: " in mistake(receiver, tmp_path)
        assert "holds no certificate in PEM format" in mistake(receiver, tmp_path)
    assert "no such file" in mistake(hook('url = "https://h.example/"\nca_file = "none.pem"'), tmp_path)


# --- what stands in the file for everybody to read ---

PLAIN = "stands in the file (url_file, url_env or url_credential keep it out)"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://user:hunter2@hooks.example.com/x", "a user or password in the URL"),
        ("https://hunter2@hooks.example.com/x", "a user or password in the URL"),
        ("https://hooks.example.com/x?token=hunter2", "a token in the URL"),
        ("https://hooks.example.com/T0AB1CD2E/hunter2aBcD1eFgHiJ2kLm", "what looks like a token in the URL"),
    ],
)
def test_a_url_that_holds_a_secret(tmp_path: Path, url: str, what: str) -> None:
    """It is warned of like any other secret, and what it holds is printed nowhere."""
    assert warnings(hook(f'url = "{url}"')) == [f"6: receivers.h.url: {what} {PLAIN}"]
    assert warnings(hook('url_env = "HOOK"'), HOOK=url) == []
    (tmp_path / "c.toml").write_text(hook(f'url = "{url}"'))
    for options in ([], ["--json"], ["--all"]):
        result = CliRunner().invoke(command, [*options, str(tmp_path / "c.toml")])
        assert result.exit_code == 0
        assert "hunter2" not in result.output
    (tmp_path / "c.toml").write_text(hook(f'url = "{url.replace("https", "htps")}"'))
    result = CliRunner().invoke(command, ["--json", str(tmp_path / "c.toml")])
    assert result.exit_code == 78
    assert "hunter2" not in result.output


def test_a_url_without_a_secret_may_stand_in_the_file() -> None:
    assert warnings(hook('url = "https://hooks.example.com/dns/alerts-2026"')) == []


# --- secrets that protect nobody, or cannot be used ---


@pytest.mark.parametrize(("octets", "warned"), [(1, "1 octet"), (9, "9 octets"), (10, None), (32, None)])
def test_a_short_secret_is_warned_of(octets: int, warned: str | None) -> None:
    few = f"the secret has {warned}: so few can be found by trying"
    tsig = warnings(f'{KEYED}[keys.k]\nsecret_env = "K"\n', K=secret(octets))
    long = "RFC 8945 section 8 asks for as many as the digest has: tsig-keygen makes such"
    assert tsig == ([f"6: keys.k.secret_env: {few} ({long})"] if warned else [])
    signing = warnings(hook('url = "https://h.example/"\nsecret_env = "S"'), S=f"whsec_{secret(octets)}")
    made = "make one with: openssl rand -base64 32"
    assert signing == ([f"7: receivers.h.secret_env: {few} ({made})"] if warned else [])


@pytest.mark.parametrize(
    ("token", "warned"), [("a", "1 character"), ("hunter2", "7 characters"), ("open sesame", None)]
)
@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "127.0.0.1:0"])
def test_a_token_that_is_soon_guessed_is_warned_of(token: str, warned: str | None, listen: str) -> None:
    """On loopback as well: a reverse proxy may stand in front of it."""
    said = warnings(f'{ZONE}[service]\nlisten = "{listen}"\ntoken_env = "T"\n', T=token)
    text = f"the token has {warned}: so few can be guessed (make one with: openssl rand -hex 20)"
    assert said == ([f"6: service.token_env: {text}"] if warned else [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("open\nsesame\n", "the secret has more than one line (one line end at its end is left out, no other)"),
        ("open sesame\n\n", "the secret has more than one line (one line end at its end is left out, no other)"),
        ("open\r\nsesame", "the secret has more than one line (one line end at its end is left out, no other)"),
        ("open\tsesame", "the secret holds a control character"),
        ("open\0sesame", "the secret holds a control character"),
    ],
)
def test_a_secret_of_several_lines_cannot_be_sent(tmp_path: Path, text: str, said: str) -> None:
    """Whatever wants it: the page's token, a receiver's, a password, a URL; in a file or in the environment."""
    (tmp_path / "s").write_bytes(text.encode())
    (tmp_path / "s").chmod(0o600)
    for settings, key in (
        (f'{ZONE}[service]\ntoken_file = "s"\n', "service.token_file"),
        (hook('url = "https://h.example/"\ntoken_file = "s"'), "receivers.h.token_file"),
        (hook('url = "https://h.example/"\nsecret_file = "s"'), "receivers.h.secret_file"),
        (hook('url_file = "s"'), "receivers.h.url_file"),
        (mail('host = "h", username = "u", password_file = "s"'), "receivers.m.smtp.password_file"),
    ):
        assert mistake(settings, tmp_path).partition(": ")[2] == f"{key}: {said}"
    assert mistake(f'{ZONE}[service]\ntoken_env = "T"\n', T=text.replace("\0", "\1")).endswith(said)


@pytest.mark.parametrize("token", ["open sesame", "öffne dich!", "$%&/()=?"])
def test_tokens_that_can_be_sent(tmp_path: Path, token: str) -> None:
    """A byte order mark in front and a line end of Windows behind are the editor's, not part of the secret."""
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbf" + token.encode() + b"\r\n")
    (tmp_path / "t").chmod(0o600)
    for config in (
        read(f'{ZONE}[service]\ntoken_file = "t"\n', tmp_path),
        read(f'{ZONE}[service]\ntoken_env = "T"\n', T=f"{token}\n"),
    ):
        assert config.service.token is not None
        assert config.service.token.reveal() == token


def test_a_named_token_is_enough_beyond_loopback() -> None:
    config = read(f'{ZONE}[service]\nlisten = "192.0.2.10:9953"\n[tokens.anna]\ntoken_env = "T"\n', T="x" * 9)
    assert [(name, token.role) for name, token in config.tokens.items()] == [("anna", Role.READ)]
    (warning,) = config.warnings
    assert "tokens.anna.token_env: the token has 9 characters: so few can be guessed" in warning


def test_tokens_that_do_not_arrive_as_they_are() -> None:
    for token in (" sesame open", "sesame open "):
        said = mistake(f'{ZONE}[service]\ntoken_env = "T"\n', T=token)
        assert said == "5: service.token_env: begins or ends with a space, which does not arrive in a header"
        said = mistake(hook('url = "https://h.example/"\ntoken_env = "T"'), T=token)
        assert said == "7: receivers.h.token_env: begins or ends with a space, which does not arrive"
    said = mistake(hook('url = "https://h.example/"\ntoken_env = "T"'), T="öffne dich")
    assert said == "7: receivers.h.token_env: cannot be sent in a header: it holds something beyond printable ASCII"


def test_a_key_clause_has_lines_and_so_may_base64(tmp_path: Path) -> None:
    for text in (
        f'key "k" {{\n\talgorithm hmac-sha256;\n\tsecret "{secret(32)}";\n}};\n',
        "eHh4\neHh4eHh4\r\neHh4eHh4",
    ):
        (tmp_path / "k").write_text(text)
        (tmp_path / "k").chmod(0o600)
        assert read(f'{KEYED}[keys.k]\nsecret_file = "k"\n', tmp_path).warnings == ()
