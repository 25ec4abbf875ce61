"""Shows in Status how receivers are, by what waits for them in the outbox."""

import structlog

from alerting.dispatcher import Dispatcher
from monitor.state.evaluator import Evaluator
from monitor.state.ports import StoreError
from monitor.state.write_buffer import WriteBuffer

log = structlog.get_logger(__name__)


async def show_receivers(dispatcher: Dispatcher, evaluator: Evaluator, write_buffer: WriteBuffer) -> None:
    try:
        status = await dispatcher.status()
    except StoreError as error:
        if write_buffer.failing is None:  # otherwise it has been said
            log.warning("outbox cannot be read", error=str(error))
        return
    if status != evaluator.status.receivers:
        pending = sum(receiver.pending for receiver in status.values())
        evaluator.show(receivers=status, outbox_pending=pending)
