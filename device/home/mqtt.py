"""The connection to an MQTT broker, kept up, beside the conversation.

    house = MqttHouse(settings.mqtt, controls, on_announce=assistant.announce)
    house.start()
    house.on_event(event)       # from the thread of the conversation: a microsecond, whatever the network does
    house.close()

`HouseDevice` says what is published and what comes in means; here are the threads: paho's, which has the socket, and
one that hands messages to it and obeys wishes. Messages are sent without acknowledgement: TCP sees to it that they
arrive, and after a connection that broke everything is published anew.
"""

import contextlib
import logging
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from device.config.home import MqttSettings
from device.dialogue.events import Event
from device.errors import ConfigError
from device.home.discovery import Message, Topics, device_id
from device.home.house_device import MOST_PAYLOAD_BYTES, Announce, HouseDevice, SetMute, SetVolume, Wish
from device.home.outbox import Outbox
from device.secret_file import read_secret
from device.version import software_version

_log = logging.getLogger(__name__)

KEEPALIVE_S = 30  #: a broker that says nothing for 1.5 times as long is gone
CONNECT_TIMEOUT_S = 5.0
FIRST_RETRY_S, LONGEST_RETRY_S = 1, 60
POLL_S = 1.0  #: a volume that was changed by a button is seen so late at most
CLOSE_S = 2.0
MOST_INCOMING = 32


class HouseControls(Protocol):
    """`device.controls.Controls`, as far as the house may have it. From any thread."""

    @property
    def muted(self) -> bool: ...

    @property
    def volume_percent(self) -> int: ...

    def mute(self, muted: bool, /) -> None: ...

    def set_volume_percent(self, percent: int, /) -> None: ...


class MqttHouse:
    """Safe to use from any thread. `on_announce` gets texts to speak, in a thread of this object."""

    def __init__(self, settings: MqttSettings, controls: HouseControls, *, on_announce: Callable[[str], None]) -> None:
        """Raises ConfigError: no broker is named, a password or certificate cannot be used."""
        if settings.host is None:
            raise ConfigError("mqtt.host is not set", hint='for example: [mqtt] host = "homeassistant.local"')
        self._where = f"{settings.host}:{settings.used_port}"
        self._settings = settings
        self._controls = controls
        self._on_announce = on_announce
        self._device_id = device_id(settings)
        topics = Topics(settings.topic, self._device_id)
        self._device = HouseDevice(
            settings,
            topics,
            version=software_version(),
            muted=controls.muted,
            volume_percent=controls.volume_percent,
        )
        self._outbox = Outbox()
        self._lock = threading.Lock()  # device and outbox
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._news: deque[tuple[str, Any]] = deque(maxlen=256)  # from paho's thread: what has come to pass
        self._incoming: deque[tuple[str, bytes, bool]] = deque(maxlen=MOST_INCOMING)  # of too many, the newest
        self._trouble = ""
        self._client = self._made_client(self._device_id)
        self._network: threading.Thread | None = None
        self._pump: threading.Thread | None = None

    @property
    def trouble(self) -> str:
        """Why the broker is not there, in a line; "": it is, or has not been tried yet."""
        return self._trouble

    def start(self) -> None:
        """Returns at once; a broker that is absent is tried again and again."""
        self._connect()
        self._pump = threading.Thread(target=self._run, name="nearfield-mqtt", daemon=True)
        self._pump.start()

    def on_event(self, event: Event) -> None:
        """Never waits for the network."""
        with self._lock:
            messages = self._device.on_event(event)
            self._outbox.put(messages)
        if messages:
            self._wake.set()

    def close(self) -> None:
        """Says that it goes, if the broker is there. Bounded."""
        self._stopping.set()
        self._wake.set()
        if self._pump is not None:
            self._pump.join(CLOSE_S + 2.0)

    # ------------------------------------------------------------ paho's thread: nothing in here waits

    def _made_client(self, client_id: str) -> Client:
        settings = self._settings
        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.reconnect_delay_set(FIRST_RETRY_S, LONGEST_RETRY_S)
        client.suppress_exceptions = True
        if settings.tls:
            try:
                client.tls_set(ca_certs=str(settings.ca_file) if settings.ca_file else None)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(
                    f"{settings.ca_file}: cannot be used as certificates ({error})", hint="mqtt.ca_file is a PEM file"
                ) from error
        if settings.username is not None:
            client.username_pw_set(
                settings.username, read_secret(settings.password_file) if settings.password_file else None
            )
        will = self._device.will
        client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = lambda _client, _data, number, *_: self._tell("written", number)
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._tell("lost", f"refuses the connection: {str(reason).lower()}")
            return
        client.subscribe([(topic, 1) for topic in self._device.subscriptions])
        self._tell("connected", None)

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        error = sys.exc_info()[1]  # paho calls this while it handles the reason
        self._tell("lost", _reason(error) if error is not None else "does not answer")

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._tell("ended", f"ended the connection: {str(reason).lower()}")

    def _on_message(self, _client: Client, _data: Any, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        self._incoming.append((topic, bytes(message.payload[: MOST_PAYLOAD_BYTES + 1]), bool(message.retain)))
        self._wake.set()

    def _tell(self, what: str, value: Any) -> None:
        self._news.append((what, value))
        self._wake.set()

    # ------------------------------------------------------------ the pump's thread

    def _connect(self) -> None:
        properties = Properties(PacketTypes.CONNECT)
        # the broker keeps to itself what would be too long anyway
        properties.MaximumPacketSize = 4 * MOST_PAYLOAD_BYTES
        self._client.connect_async(
            str(self._settings.host),
            self._settings.used_port,
            keepalive=KEEPALIVE_S,
            clean_start=True,
            properties=properties,
        )
        self._client.loop_start()
        name = f"paho-mqtt-client-{self._device_id}"
        self._network = next((t for t in threading.enumerate() if t.name == name), None)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(POLL_S)
            self._wake.clear()
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - whatever it is, the thread must live
                _log.exception("MQTT: something went wrong; it goes on")
                self._stopping.wait(POLL_S)
        with contextlib.suppress(Exception):
            self._say_goodbye()

    def _turn(self) -> None:
        self._hear_news()
        while self._incoming:
            topic, payload, retained = self._incoming.popleft()
            with self._lock:
                wish = self._device.asked(topic, payload, retained=retained)
            if wish is not None:
                self._obey(wish)
        percent = self._controls.volume_percent
        with self._lock:
            self._outbox.put(self._device.volume(percent))
        self._publish()
        if self._network is not None and not self._network.is_alive():  # a broker that talks nonsense
            self._lost("talks nonsense")
            self._stopping.wait(FIRST_RETRY_S)
            self._connect()

    def _hear_news(self) -> None:
        while self._news:
            what, value = self._news.popleft()
            if what == "written":
                with self._lock:
                    self._outbox.written(value)
            elif what == "connected":
                if self._trouble:
                    _log.warning("MQTT broker %s is back", self._where)
                self._trouble = ""
                with self._lock:
                    self._outbox.connected(self._device.everything())
            else:
                # that it was refused says more than that it then ended
                self._lost(self._trouble or value if what == "ended" else value)

    def _lost(self, why: str) -> None:
        if not self._trouble:
            _log.warning("MQTT broker %s: %s; it is tried again", self._where, why)
        self._trouble = why
        with self._lock:
            self._outbox.lost()

    def _obey(self, wish: Wish) -> None:
        try:
            match wish:
                case SetMute(muted):
                    self._controls.mute(muted)
                case SetVolume(percent):
                    self._controls.set_volume_percent(percent)
                case Announce(text):
                    self._on_announce(text)
        except Exception:  # noqa: BLE001 - what the appliance does with it is not ours
            _log.exception("MQTT: %s could not be done", type(wish).__name__)

    def _publish(self) -> None:
        while True:
            with self._lock:
                message = self._outbox.take()
            if message is None:
                return
            number = self._hand_over(message)
            with self._lock:
                if number is None:
                    self._outbox.lost()
                    return
                self._outbox.sent(number)

    def _hand_over(self, message: Message) -> int | None:
        info = self._client.publish(message.topic, message.payload.encode("utf-8", "replace"), qos=0, retain=True)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def _say_goodbye(self) -> None:
        if self._client.is_connected():
            with self._lock:
                self._outbox.put([self._device.will])
            end = time.monotonic() + CLOSE_S
            while not self._outbox.empty and time.monotonic() < end:
                self._publish()
                self._wake.wait(0.05)
                self._wake.clear()
                self._hear_news()
        self._client.on_disconnect = None
        self._client.disconnect()  # paho's thread ends by itself; it may be in the middle of a slow connect


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return f"does not answer within {CONNECT_TIMEOUT_S:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
