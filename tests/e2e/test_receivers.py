"""Receivers get other names, go, and come: what they are owed stays owed to those who have their destination.

The kind: news that was decided for a name of the configuration, when that name means somebody else, or nobody, by the
time it is to be told. By webhook and by mail, at a reload and over a restart.
"""

import signal
from pathlib import Path

from tests.support.mailbox import mailbox
from tests.support.mailserver import mailserver
from tests.support.receiver import receiver
from tests.support.running import running, until
from tests.support.service_scene import Scene, scene, well

MAIL = """
[receivers.post]
type = "email"
to = ["b@example.com", "a@example.com"]
smtp = {{ host = "127.0.0.1", port = {port}, tls = "none" }}
"""


def under_other_names(on: Scene) -> str:
    """Also another order of the addresses, and another secret: that changes nothing about who is told."""
    text = (
        on.config.read_text()
        .replace("[receivers.hook]", "[receivers.duty]")
        .replace("[receivers.post]", "[receivers.mail]")
    )
    return text.replace('["b@example.com", "a@example.com"]', '["A@example.com", "b@example.com"]')


async def test_receivers_that_get_other_names_hear_of_the_end(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, mailbox() as box:
        on.write(on.text + MAIL.format(port=box.port))
        async with running(on.config) as service:
            await service.up()
            await until(lambda: well(service))
            on.pair.break_("transfer-open")
            await until(lambda: on.hook.kinds() == ["incident.opened"] and len(box.mails) == 1)
            on.write(under_other_names(on))
            service.signal(signal.SIGHUP)
            await until(lambda: sum(each["event"] == "receiver renamed" for each in service.log) == 2)
            on.pair.mend()
            await until(lambda: on.hook.kinds()[-1] == "incident.resolved" and len(box.mails) == 2)
            assert 'soawatch_notifications_total{outcome="given-up"' not in await service.scrape()
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
    assert on.hook.kinds() == ["incident.opened", "incident.resolved"], "and nothing a second time"
    assert box.mails[0]["References"] == box.mails[1]["References"]
    said = str(service.log)
    assert on.hook.url not in said
    assert "a@example.com" not in said


async def test_what_waits_in_the_outbox_goes_to_the_new_name_after_a_restart(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        on.hook.status = 503
        async with running(on.config) as service:
            await service.up()
            await until(lambda: well(service))
            on.pair.break_("transfer-open")
            await until(lambda: any(each["event"] == "not delivered" for each in service.log))
            await service.kill()
        on.hook.status = 204
        on.write(under_other_names(on))
        async with running(on.config) as service:
            await service.up()
            await until(lambda: on.hook.kinds() == ["incident.opened"])
            on.pair.mend()
            await until(lambda: on.hook.kinds() == ["incident.opened", "incident.resolved"])
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0


async def test_one_who_is_removed_is_logged_once_and_the_others_hear_all(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, mailbox() as box:
        on.write(on.text + MAIL.format(port=box.port))
        async with running(on.config) as service:
            await service.up()
            await until(lambda: well(service))
            on.pair.break_("transfer-open")
            await until(lambda: on.hook.kinds() == ["incident.opened"] and len(box.mails) == 1)
            on.write(on.text)
            for loaded in (1, 2):
                service.signal(signal.SIGHUP)
                await until(lambda n=loaded: sum(x["event"] == "configuration loaded" for x in service.log) == n)
            on.pair.mend()
            await until(lambda: on.hook.kinds() == ["incident.opened", "incident.resolved"])
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
    gone = [each for each in service.log if each["event"] == "receiver gone"]
    assert [each["receiver"] for each in gone] == ["post"]
    assert len(box.mails) == 1


POST = MAIL.replace('"b@example.com", "a@example.com"', '"gone@example.com", "here@example.com"')


async def test_what_receivers_do_not_take_is_told_to_the_others_and_so_is_its_end(tmp_path: Path) -> None:
    """One webhook is rejected for good, one of two addresses of the mail is; then both are mended, by a reload."""
    async with scene(tmp_path) as on, mailserver() as mail, receiver() as dead:
        mail.refused, dead.status = {"gone@example.com": 550}, 410
        post = POST.format(port=mail.port)
        on.write(on.text + post + dead.toml("dead"))
        async with running(on.config) as service:
            await service.up()
            await until(lambda: well(service))
            on.pair.break_("transfer-open")
            await until(lambda: causes(on) >= {"receiver dead", "receiver post"})
            scraped = await service.scrape()
            assert 'soawatch_notifications_total{outcome="in-part",receiver="post"}' in scraped
            assert 'soawatch_notifications_total{outcome="rejected",receiver="dead"}' in scraped
            assert {receivers for taken in mail.taken for receivers in taken.receivers} == {"here@example.com"}
            assert any("dead rejects what it is told" in taken.mail.as_string() for taken in mail.taken)
            dead.status = 204
            on.write(on.text + post.replace('"gone@example.com", ', "") + dead.toml("dead") + 'token = "renewed"\n')
            service.signal(signal.SIGHUP)
            await until(lambda: resolved(on) >= {"receiver dead", "receiver post"})
            await until(lambda: dead.kinds()[:1] == ["incident.opened"])
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
    own = [said for _, said in dead.heard if said["data"]["cause"] == "receiver dead"]
    assert own == [], "that it takes nothing is nothing to tell it"
    assert len({id for id, _ in on.hook.heard}) == len(on.hook.heard)


async def test_a_configuration_that_is_refused_is_told_and_so_is_the_one_that_is_not(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, running(on.config) as service:
        await service.up()
        await until(lambda: well(service))
        on.write(on.text.replace('max_lag = "3s"', 'max_lag = "3"'))
        service.signal(signal.SIGHUP)
        await until(lambda: on.hook.kinds() == ["incident.opened"])
        (line,) = on.hook.heard[0][1]["data"]["findings"]
        assert line["code"] == "configuration-refused"
        assert "soawatch.toml:" in line["text"]
        on.write(on.text)
        service.signal(signal.SIGHUP)
        await until(lambda: on.hook.kinds() == ["incident.opened", "incident.resolved"])
        service.signal(signal.SIGTERM)
        assert await service.ended() == 0


def causes(on: Scene, kind: str = "incident.opened") -> set[str]:
    return {said["data"]["cause"] for _, said in on.hook.heard if said["type"] == kind}


def resolved(on: Scene) -> set[str]:
    return causes(on, "incident.resolved")


async def test_who_comes_in_the_place_of_one_who_is_removed_hears_that_it_is_open_and_that_it_is_over(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as on, mailbox() as box, running(on.config) as service:
        await service.up()
        await until(lambda: well(service))
        on.pair.break_("transfer-open")
        await until(lambda: on.hook.kinds() == ["incident.opened"])
        on.write(on.text.replace(on.hook.toml(), MAIL.format(port=box.port)))
        service.signal(signal.SIGHUP)
        await until(lambda: len(box.mails) == 1)
        on.pair.mend()
        await until(lambda: len(box.mails) == 2)
        service.signal(signal.SIGTERM)
        assert await service.ended() == 0
    assert on.hook.kinds() == ["incident.opened"]
    assert [subject.partition("]")[0] for subject in box.subjects] == ["[FIRING warning", "[RESOLVED"]
