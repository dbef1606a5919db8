"""A webhook is no way into the network that Accord runs in."""

import shutil
import socket
import ssl
import subprocess

import pytest

from tests.webhooks.making import tell
from webhooks import addresses, sending
from webhooks.addresses import Target, allowed_addresses, is_allowed, read_url
from webhooks.errors import AddressRefused
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services import change_webhook, create_webhook, deliver_due


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_on_the_inside_is_refused(settings, address):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    assert not is_allowed(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_an_address_on_the_outside_is_allowed(settings, address):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    assert is_allowed(address)


def test_private_networks_can_be_allowed_and_the_cloud_s_credentials_cannot(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    allowed = ["127.0.0.1", "10.0.0.1", "::1", "fc00::1", "100.64.0.1", "1.1.1.1"]
    refused = ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "224.0.0.1", "0.0.0.0"]
    assert [is_allowed(address) for address in allowed] == [True] * 6
    assert [is_allowed(address) for address in refused] == [False] * 5


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.org/x", "begins with https"),
        ("javascript:alert(1)", "begins with https"),
        ("https://", "begins with https"),
        ("/hook", "begins with https"),
        ("https://user:secret@example.org/", "user and the password"),
        ("https://example.org/#top", "what follows the #"),
        ("https://example.org:99999/", "not a URL"),
        ("https://exa mple.org/", "no spaces"),
        ("https://example.org/\r\nHost: inside", "no spaces"),
        ("https://example.org/" + "x" * 500, "at most 500"),
    ],
)
def test_what_is_no_url_of_a_receiver_is_refused_with_the_reason(url, why):
    with pytest.raises(AddressRefused, match=why):
        read_url(url)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/", "http://localhost/", "http://2130706433/", "http://0x7f.1/", "http://[::1]:8000/",
     "http://169.254.169.254/latest/meta-data/", "http://[::ffff:127.0.0.1]/", "https://10.1.2.3/"],
)  # fmt: skip
def test_a_webhook_to_the_inside_cannot_be_made(alice, settings, url):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    with pytest.raises(AddressRefused, match="not a public address"):
        create_webhook(by=alice, name="sly", url=url, events=["run.finished"])
    assert not Webhook.objects.exists()


@pytest.mark.django_db
def test_a_name_that_nobody_knows_cannot_be_used(alice):
    with pytest.raises(AddressRefused, match="cannot be found"):
        create_webhook(by=alice, name="x", url="https://nowhere.invalid/", events=["run.finished"])


@pytest.mark.django_db(transaction=True)
def test_a_name_that_leads_inside_later_is_refused_at_delivery(alice, webhook, receiver, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    tell(alice)
    deliver_due()
    assert receiver.calls == []
    assert "not a public address" in WebhookDelivery.objects.get().last_error


@pytest.mark.django_db
def test_an_address_is_looked_up_when_it_changes_and_not_otherwise(alice, webhook, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    change_webhook(webhook=webhook, by=alice, name="Renamed", url=webhook.url)
    with pytest.raises(AddressRefused):
        change_webhook(webhook=webhook, by=alice, url="http://127.0.0.1/")


def test_a_name_with_one_address_inside_is_refused_as_a_whole(settings, monkeypatch):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *given, **more: found)
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        allowed_addresses(Target("two.example", 443))


@pytest.mark.django_db(transaction=True)
def test_the_connection_goes_to_the_address_that_was_checked_with_the_name_in_the_host_header(
    alice, receiver, monkeypatch
):
    """Between the check and the connection nobody asks for the name again."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host, *given, **more):
        asked.append(host)
        return real("127.0.0.1" if host == "receiver.example" else host, *given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    create_webhook(
        by=alice, name="named", url=f"http://receiver.example:{receiver.server_port}/", events=["run.finished"]
    )
    tell(alice, kind="run.finished")
    asked.clear()
    deliver_due()
    assert receiver.calls[0].headers["Host"] == f"receiver.example:{receiver.server_port}"
    assert asked.count("receiver.example") == 1


@pytest.mark.django_db(transaction=True)
def test_the_certificate_must_be_the_name_s_though_the_connection_goes_to_an_address(
    alice, receiver, tmp_path, monkeypatch
):
    if shutil.which("openssl") is None:
        pytest.skip("There is no openssl here to make a certificate with.")
    names = ["-subj", "/CN=receiver.example", "-addext", "subjectAltName=DNS:receiver.example"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    receiver.socket = server_side.wrap_socket(receiver.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    monkeypatch.setattr(sending, "_tls", lambda: trusting)
    real = socket.getaddrinfo
    inside = {"receiver.example", "impostor.example"}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: real("127.0.0.1" if host in inside else host, *a, **k)
    )
    for name in sorted(inside):
        url = f"https://{name}:{receiver.server_port}/"
        create_webhook(by=alice, name=name, url=url, events=["run.finished"])
    tell(alice, kind="run.finished")
    deliver_due()
    assert [call.headers["Host"] for call in receiver.calls] == [f"receiver.example:{receiver.server_port}"]
    assert "certificate" in WebhookDelivery.objects.pending().get().last_error.lower()
