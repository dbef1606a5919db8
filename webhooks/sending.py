"""HTTP to receivers: to the address that was checked, within a time, without following where they point."""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import httpx
from django.utils.timezone import now

from accounts.errors import AccordError
from webhooks.addresses import Target, allowed_addresses, read_url
from webhooks.models import Webhook, WebhookDelivery
from webhooks.outcome import Outcome
from webhooks.signing import signature_header

# All of an attempt: the name, the connection, the answer. Per-read limits alone would let a receiver drip for hours.
ATTEMPT_SECONDS = 15.0
CONNECT_SECONDS = 5.0
# After so long no further one is begun: others wait for this batch, and a claim lasts only so long.
SERIES_SECONDS = 10.0
ADDRESSES_TRIED = 3
# So much of an answer is read, to use the connection again; what it says is not kept.
ANSWER_BYTES = 64 * 1024


async def send_all(deliveries: Sequence[WebhookDelivery]) -> list[Outcome]:
    """All addresses at once, the deliveries of one of them one after the other."""
    series: dict[int, list[WebhookDelivery]] = defaultdict(list)
    for delivery in deliveries:
        series[delivery.webhook_id].append(delivery)
    outcomes = await asyncio.gather(*(_send_series(each) for each in series.values()))
    return [outcome for each in outcomes for outcome in each]


async def _send_series(deliveries: list[WebhookDelivery]) -> list[Outcome]:
    """After the first failure the rest is given back: the address is tried again later."""
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + SERIES_SECONDS
    webhook = deliveries[0].webhook
    # No proxy of the environment: it would look up the name by itself.
    async with httpx.AsyncClient(trust_env=False, verify=_tls(), timeout=ATTEMPT_SECONDS) as client:
        for delivery in deliveries:
            if time.monotonic() > deadline or (outcomes and outcomes[-1].error):
                break
            outcomes.append(await _attempt(client, webhook, delivery))
    return outcomes + [Outcome(delivery, tried=False) for delivery in deliveries[len(outcomes) :]]


async def _attempt(client: httpx.AsyncClient, webhook: Webhook, delivery: WebhookDelivery) -> Outcome:
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            target = read_url(webhook.url)
            # Looked up at every attempt: a name that was outside when it was entered may lead inside now.
            addresses = await asyncio.to_thread(allowed_addresses, target)
            status = await _post(client, webhook, delivery, target, addresses)
    except TimeoutError:
        return Outcome(delivery, error=f"It did not answer within {ATTEMPT_SECONDS:.0f} seconds.")
    except AccordError as refused:
        return Outcome(delivery, error=refused.message)
    except httpx.TimeoutException:
        return Outcome(delivery, error="It did not answer in time.")
    except httpx.HTTPError as problem:
        return Outcome(delivery, error=f"The connection failed: {str(problem)[:200] or type(problem).__name__}.")
    if 200 <= status < 300:
        return Outcome(delivery, status)
    if 300 <= status < 400:
        return Outcome(delivery, status, f"It answered {status}. Redirects are not followed: use the final address.")
    return Outcome(delivery, status, f"It answered {status}.")


async def _post(
    client: httpx.AsyncClient, webhook: Webhook, delivery: WebhookDelivery, target: Target, addresses: list[str]
) -> int:
    url, body = httpx.URL(webhook.url), delivery.body
    headers = {
        "Host": url.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": "Accord-Webhooks/1",
        "Accord-Event": str(delivery.event),
        "Accord-Kind": delivery.kind,
        "Accord-Signature": signature_header(body, _keys(webhook), at=int(time.time())),
    }
    for address in addresses[:ADDRESSES_TRIED]:
        request = client.build_request(
            "POST", url.copy_with(host=address), content=body, headers=headers,
            timeout=httpx.Timeout(ATTEMPT_SECONDS, connect=CONNECT_SECONDS),
            # The certificate must be the name's, not the address's.
            extensions={"sni_hostname": target.host},
        )  # fmt: skip
        try:
            return await _status_of(client, request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if address == addresses[:ADDRESSES_TRIED][-1]:
                raise
    raise AssertionError("A name leads to one address at least.")


async def _status_of(client: httpx.AsyncClient, request: httpx.Request) -> int:
    answer = await client.send(request, stream=True, follow_redirects=False)
    try:
        read = 0
        async for chunk in answer.aiter_raw():
            read += len(chunk)
            if read > ANSWER_BYTES:
                break
    finally:
        await answer.aclose()
    return answer.status_code


def _keys(webhook: Webhook) -> list[str]:
    until = webhook.previous_secret_until
    return [webhook.secret, webhook.previous_secret] if until and until > now() else [webhook.secret]


@cache
def _tls() -> ssl.SSLContext:
    """Reading the authorities' certificates takes longer than a request: once a process."""
    return httpx.create_ssl_context()
