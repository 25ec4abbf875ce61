"""While there is no outbox, news reach their receivers all the same: once each, in order, nobody waiting for others."""

import asyncio

from alerting.direct_dispatch import dispatch_directly
from alerting.notification import OutboxMessage
from monitor.state.ports import Commit
from monitor.state.write_buffer import WriteBuffer
from tests.support.monitor_state import Clock, FullDisk
from tests.support.specimens import incident, message


class Receivers:
    """Who took what. Those in ``refusing`` take nothing, those in ``hanging`` do not answer."""

    def __init__(self) -> None:
        self.took: list[str] = []
        self.refusing: set[str] = set()
        self.hanging: set[str] = set()

    async def send(self, message: OutboxMessage) -> bool:
        await asyncio.sleep(0)
        if message.receiver in self.hanging:
            await asyncio.Event().wait()
        if message.receiver in self.refusing:
            return False
        self.took.append(message.id)
        return True


async def waiting(*messages: OutboxMessage) -> tuple[WriteBuffer, FullDisk, Clock]:
    now = Clock()
    disk = FullDisk(now)
    record = WriteBuffer(disk, now)
    disk.full = True
    await record.commit(Commit(incidents=(incident("i1"), incident("i2")), messages=messages))
    return record, disk, now


async def test_each_is_told_once_and_not_written_to_be_told_again() -> None:
    record, disk, now = await waiting(message("t1", "mail"), message("t2", "hook"))
    receivers = Receivers()
    await dispatch_directly(record, receivers.send)
    await dispatch_directly(record, receivers.send)
    assert sorted(receivers.took) == ["t1", "t2"]
    disk.full = False
    now.pass_(minutes=1)
    await record.commit(Commit())
    assert [c.messages for c in disk.commits] == [()]
    assert [len(c.incidents) for c in disk.commits] == [2]


async def test_while_the_disk_works_that_is_the_outboxs_business() -> None:
    now = Clock()
    record = WriteBuffer(FullDisk(now), now)
    await record.commit(Commit(incidents=(incident("i1"),), messages=(message("t1", "hook"),)))
    receivers = Receivers()
    await dispatch_directly(record, receivers.send)
    assert receivers.took == []


async def test_what_is_not_taken_goes_to_the_outbox_in_its_old_order() -> None:
    record, disk, now = await waiting(
        message("t1", "mail", about="i1"), message("t2", "mail", about="i1"), message("t3", "mail", about="i2")
    )
    receivers = Receivers()
    receivers.refusing.add("mail")
    await dispatch_directly(record, receivers.send)
    assert [t.id for t in record.messages] == ["t1", "t3", "t2"]
    disk.full = False
    now.pass_(minutes=1)
    await record.commit(Commit())
    (commit,) = disk.commits
    order = [t.id for t in commit.messages]
    assert sorted(order) == ["t1", "t2", "t3"]
    assert order.index("t1") < order.index("t2")


async def test_the_end_of_an_incident_is_not_told_before_its_beginning() -> None:
    record, _, _ = await waiting(message("t1", "mail", about="i1"), message("t2", "mail", about="i1"))
    receivers = Receivers()
    refused = iter([False])

    async def send(message: OutboxMessage) -> bool:
        return next(refused, True) and await receivers.send(message)

    await dispatch_directly(record, send)
    assert receivers.took == []
    await dispatch_directly(record, send)
    assert receivers.took == ["t1", "t2"]


async def test_a_receiver_that_hangs_holds_up_nobody_else_and_loses_nothing() -> None:
    record, _, _ = await waiting(message("t1", "mail"), message("t2", "hook"))
    receivers = Receivers()
    receivers.hanging.add("mail")
    telling_them = asyncio.create_task(dispatch_directly(record, receivers.send))
    async with asyncio.timeout(5):
        while receivers.took != ["t2"]:
            await asyncio.sleep(0)
    telling_them.cancel()
    await asyncio.gather(telling_them, return_exceptions=True)
    assert [t.id for t in record.messages] == ["t1"]


async def test_when_the_disk_works_again_meanwhile_the_outbox_has_the_rest() -> None:
    record, disk, now = await waiting(message("t1", "mail", about="i1"), message("t2", "mail", about="i2"))
    receivers = Receivers()

    async def send(message: OutboxMessage) -> bool:
        taken = await receivers.send(message)
        disk.full = False
        now.pass_(minutes=1)
        await record.commit(Commit())
        return taken

    await dispatch_directly(record, send)
    assert receivers.took == ["t1"]
    assert [[t.id for t in c.messages] for c in disk.commits] == [["t2"]]
