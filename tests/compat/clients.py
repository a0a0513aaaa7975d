"""What python.sh asks real clients to do with a server. Each check is a function; each can fail.

usage: clients.py KLAMM_BINARY DATA_DIRECTORY [CHECK...]
"""

import logging
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import confluent_kafka
import kafka
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ConfigSource
from confluent_kafka.admin import NewPartitions, NewTopic, ResourceType
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.admin import NewTopic as OtherNewTopic
from kafka.errors import MessageSizeTooLargeError, OffsetOutOfRangeError
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import TopicPartition as OtherPartition

# The size of a batch that holds one small record, less that record's value, and then some.
AROUND = 61 + 20
LARGEST = 1048588
FIRST_STAMP = 1700000000000
DESCRIPTORS = 256
# A name may come twice (KIP-82), and names are text of any kind. kafka-python writes no null values.
HEADERS = [("a", b"1"), ("a", b"2"), ("empty", b""), ("ü", "é".encode())]
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


class Server:
    """A server process, and how to end it."""

    def __init__(self, binary, data):
        self.binary, self.data, self.port = binary, data, 0
        self.log = open(data + ".log", "ab")
        self.start()

    def start(self):
        command = [self.binary, "serve", "--port", str(self.port), "--data", self.data]
        # Fewer than the files and clients of these checks need: neither may starve the other.
        few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True, preexec_fn=few)
        for line in self.process.stdout:
            told = re.search(r"localhost:(\d+)", line)
            if told:
                self.port = int(told[1])
                break
        else:
            raise AssertionError("the server did not say where it listens")
        # What else it says must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(15)
        assert status == 0, f"exit status {status} after SIGTERM"
        assert time.monotonic() - began < 10, "an orderly stop took more than ten seconds"

    def alive(self):
        return self.process.poll() is None

    @property
    def address(self):
        return f"localhost:{self.port}"

    def memory(self):
        """Resident KiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    def confluent(self, **settings):
        # Reconnecting is what is tested: its log lines are none of a reader's business.
        named = {key.replace("_", "."): value for key, value in settings.items()}
        return {"bootstrap.servers": self.address, "log_level": 0, **named}

    def admin(self):
        return AdminClient(self.confluent())

    def create(self, name, partitions=1, **config):
        config = {key.replace("_", "."): value for key, value in config.items()}
        # Named, because a client that nobody holds takes its requests with it.
        admin = self.admin()
        admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(15)


def code(future):
    """The error of a confluent future by name, or nothing."""
    try:
        future.result(15)
    except KafkaException as error:
        return error.args[0].name()
    return None


def raises(kind, act):
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def record(i):
    """Key, value, headers and timestamp of the i-th record: each may be missing, but never key and value both."""
    key = None if i % 3 == 0 else b"k%d" % i
    value = None if i % 3 and i % 5 == 0 else b"value %d " % i * 10
    return key, value, HEADERS if i % 4 == 0 else [], FIRST_STAMP + i


# --- each client's way to write and to read ------------------------------------------------------------------------------


def confluent_write(server, topic, records, codec, acks):
    failed = []
    producer = Producer(server.confluent(acks=acks, compression_type=codec, linger_ms=5))
    for key, value, headers, stamp in records:
        told = lambda error, _: error and failed.append(error)
        producer.produce(topic, value, key, 0, timestamp=stamp, headers=headers, on_delivery=told)
    assert producer.flush(20) == 0, "records are left in the queue"
    assert not failed, failed[0]


def confluent_read(server, topic, count, start=0, **settings):
    """Records from an offset on, until there are enough and the end is reached."""
    settings = {"group_id": "none", "enable_auto_commit": False, "enable_partition_eof": True, **settings}
    consumer = Consumer(server.confluent(**settings))
    consumer.assign([TopicPartition(topic, 0, start)])
    found, deadline = [], time.monotonic() + 15
    while time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise KafkaException(message.error())
            if len(found) >= count:
                break
            continue
        _, stamp = message.timestamp()
        read = (message.key(), message.value(), message.headers() or [], stamp)
        found.append((message.offset(), read))
    consumer.close()
    return found


def python_write(server, topic, records, codec, acks):
    codec = None if codec == "none" else codec
    acks = acks if acks == "all" else int(acks)
    # Idempotence is on by default, and has a check of its own.
    producer = KafkaProducer(
        bootstrap_servers=server.address, acks=acks, compression_type=codec, enable_idempotence=False, linger_ms=5
    )
    sent = [
        producer.send(topic, value, key, headers, partition=0, timestamp_ms=stamp)
        for key, value, headers, stamp in records
    ]
    producer.flush(20)
    for future in sent:
        future.get(10)
    producer.close()


def python_read(server, topic, count, start=0, **settings):
    settings = {"enable_auto_commit": False, "consumer_timeout_ms": 10000, **settings}
    consumer = KafkaConsumer(bootstrap_servers=server.address, **settings)
    partition = OtherPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, start)
    found = []
    while len(found) < count:
        message = next(consumer)
        read = (message.key, message.value, list(message.headers), message.timestamp)
        found.append((message.offset, read))
    consumer.close()
    return found


# --- the checks ----------------------------------------------------------------------------------------------------------


def raw(server):
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.settimeout(5)
    return connection


def ask(connection, api, version, body=b"", flexible=False):
    """Sends one request and returns the whole answer, or None when the server ends the connection."""
    frame = struct.pack(">hhih", api, version, 7, 1) + b"x" + (b"\0" if flexible else b"") + body
    connection.sendall(struct.pack(">i", len(frame)) + frame)
    size = connection.recv(4, socket.MSG_WAITALL)
    if not size:
        return None
    (size,) = struct.unpack(">i", size)
    return connection.recv(size, socket.MSG_WAITALL)


def negotiation(server):
    """ApiVersions in every version, and in versions that are not made yet (KIP-511)."""
    for version in range(5):
        flexible = version >= 3
        answer = ask(raw(server), 18, version, b"\x02a\x021\0" if flexible else b"", flexible)
        assert answer[:6] == b"\0\0\0\7\0\0", (version, answer)
    for version in (5, 6, 99):
        connection = raw(server)
        answer = ask(connection, 18, version, b"\0" * 30, True)
        error, count, key, _, highest = struct.unpack(">hihhh", answer[4:16])
        assert (error, count, key) == (35, 1, 18), answer
        assert ask(connection, 18, min(highest, 2))[4:6] == b"\0\0", "no second try on the same connection"
    # What is not served ends the connection; it neither hangs nor answers in a form that nobody can read.
    for api, version in [(24, 3), (38, 1), (99, 0), (-1, 0), (0, 2), (1, 3), (3, 99), (52, 0)]:
        assert ask(raw(server), api, version, b"\0" * 40) is None, (api, version)


def admin(server):
    """Creation of topics, and each way in which it is refused."""
    admin = server.admin()
    good = admin.create_topics([NewTopic("three", 3, 1), NewTopic("set", 1, 1, config={"max.message.bytes": "1000"})])
    assert [code(future) for future in good.values()] == [None, None]
    expected = {
        NewTopic("three", 3, 1): "TOPIC_ALREADY_EXISTS",
        NewTopic("bad/name", 1, 1): "TOPIC_EXCEPTION",
        NewTopic("..", 1, 1): "TOPIC_EXCEPTION",
        NewTopic("x" * 250, 1, 1): "TOPIC_EXCEPTION",
        NewTopic("none", 0, 1): "INVALID_PARTITIONS",
        NewTopic("copies", 1, 3): "INVALID_REPLICATION_FACTOR",
        NewTopic("odd", 1, 1, config={"no.such.key": "1"}): "INVALID_CONFIG",
    }
    for topic, error in expected.items():
        found = code(admin.create_topics([topic])[topic.topic])
        assert found == error, (topic, found)
    assert code(admin.create_topics([NewTopic("tried", 1, 1)], validate_only=True)["tried"]) is None
    listed = admin.list_topics(timeout=10)
    assert "tried" not in listed.topics, "a topic was created that was only to be checked"
    assert len(listed.topics["three"].partitions) == 3 and len(listed.brokers) == 1

    other = KafkaAdminClient(bootstrap_servers=server.address)
    other.create_topics([OtherNewTopic("other", 2, 1)])
    raises(TopicAlreadyExistsError, lambda: other.create_topics([OtherNewTopic("other", 2, 1)]))
    assert {"three", "set", "other"} <= set(other.list_topics())
    assert other.describe_cluster()["cluster_id"] == listed.cluster_id
    other.close()

    # A consumer's question creates nothing, a producer's record does.
    consumer = Consumer(server.confluent(group_id="none"))
    asked = consumer.list_topics("unknown", timeout=10).topics["unknown"]
    assert asked.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART, asked.error
    assert "unknown" not in consumer.list_topics(timeout=10).topics, "asking created the topic"
    consumer.close()
    confluent_write(server, "made", [record(1)], "none", "all")
    assert len(confluent_read(server, "made", 1)) == 1


def records(server):
    """What one client writes, the other reads: every compression, every acks, every field that may be missing."""
    wanted = [(i, record(i)) for i in range(100)]
    ways = [(confluent_write, python_read), (python_write, confluent_read)]
    for write, read in ways:
        for codec in CODECS:
            for acks in ("0", "1", "all"):
                topic = f"{write.__name__}-{codec}-{acks}"
                server.create(topic)
                write(server, topic, [it for _, it in wanted], codec, acks)
                found = read(server, topic, len(wanted))
                assert found == wanted, (topic, len(found), found[:1])
    # librdkafka writes null header values, and reads them.
    server.create("nulls")
    confluent_write(server, "nulls", [(None, None, [("n", None), ("n", b"")], 5)], "none", "all")
    assert confluent_read(server, "nulls", 1) == [(0, (None, None, [("n", None), ("n", b"")], 5))]


def sizes(server):
    """Records up to the limit and beyond; batches that are larger than a fetch."""
    server.create("large")
    producer = Producer(server.confluent(message_max_bytes=10_000_000))
    for size, error in [(900_000, None), (LARGEST - AROUND, None), (LARGEST, 10), (3_000_000, 10)]:
        told = []
        producer.produce("large", b"x" * size, on_delivery=lambda error, _: told.append(error))
        assert producer.flush(15) == 0
        assert [it and it.code() for it in told] == [error], (size, told)
    found = confluent_read(server, "large", 2, fetch_message_max_bytes=1000, fetch_max_bytes=1000, message_max_bytes=1000)
    assert [len(read[1]) for _, read in found] == [900_000, LARGEST - AROUND]
    found = python_read(server, "large", 2, max_partition_fetch_bytes=100, fetch_max_bytes=100)
    assert [len(read[1]) for _, read in found] == [900_000, LARGEST - AROUND]
    raises(MessageSizeTooLargeError, lambda: python_large(server))


def python_large(server):
    producer = KafkaProducer(bootstrap_servers=server.address, enable_idempotence=False, max_request_size=5_000_000)
    try:
        producer.send("large", b"x" * 2_000_000).get(15)
    finally:
        producer.close()


def positions(server):
    """From the beginning, the end, an offset, a timestamp, and from an offset that is not there."""
    server.create("placed", 2)
    confluent_write(server, "placed", [record(i) for i in range(100)], "zstd", "all")
    count = lambda start, **settings: len(confluent_read(server, "placed", 0, start, **settings))
    assert count(confluent_kafka.OFFSET_BEGINNING) == 100
    assert count(confluent_kafka.OFFSET_END) == 0
    assert [count(start) for start in (99, 100)] == [1, 0]
    assert count(5000, auto_offset_reset="earliest") == 100
    assert count(5000, auto_offset_reset="latest") == 0
    raises(KafkaException, lambda: count(5000, auto_offset_reset="error"))

    consumer = Consumer(server.confluent(group_id="none", enable_auto_commit=False))
    at = lambda stamp: [it.offset for it in consumer.offsets_for_times([TopicPartition("placed", i, stamp) for i in (0, 1)], 10)]
    assert [at(stamp) for stamp in (0, FIRST_STAMP + 50, FIRST_STAMP + 99)] == [[0, -1], [50, -1], [99, -1]]
    assert at(FIRST_STAMP + 100) == [-1, -1]
    assert consumer.get_watermark_offsets(TopicPartition("placed", 0), 10) == (0, 100)
    consumer.assign([TopicPartition("placed", 0, 0)])
    assert consumer.poll(10).offset() == 0
    consumer.seek(TopicPartition("placed", 0, 77))
    assert [consumer.poll(10).offset() for _ in range(3)] == [77, 78, 79]
    consumer.close()

    first, second = OtherPartition("placed", 0), OtherPartition("placed", 1)
    other = KafkaConsumer(bootstrap_servers=server.address, auto_offset_reset="none", enable_auto_commit=False)
    assert other.beginning_offsets([first, second]) == {first: 0, second: 0}
    assert other.end_offsets([first, second]) == {first: 100, second: 0}
    assert other.offsets_for_times({first: FIRST_STAMP + 7})[first].offset == 7
    other.assign([first])
    other.seek(first, 5000)
    raises(OffsetOutOfRangeError, lambda: [other.poll(500) for _ in range(10)])
    other.close()
    assert len(python_read(server, "placed", 100, fetch_min_bytes=50_000_000, fetch_max_wait_ms=300)) == 100

    # A poll that waits is answered as soon as there is something.
    server.create("late")
    waiting = Consumer(server.confluent(group_id="none", fetch_wait_max_ms=30_000, enable_auto_commit=False))
    waiting.assign([TopicPartition("late", 0, 0)])
    assert waiting.poll(1) is None
    confluent_write(server, "late", [record(1)], "none", "all")
    began = time.monotonic()
    assert waiting.poll(10).offset() == 0 and time.monotonic() - began < 3
    waiting.close()


def crowd(server):
    """Several producers and consumers at once, over many partitions: everything arrives, in each producer's order."""
    partitions, each, writers = 24, 4000, 3
    server.create("crowd", partitions)

    def write(who):
        producer = Producer(server.confluent(compression_type="lz4", linger_ms=2))
        for i in range(each):
            producer.produce("crowd", b"%d %d" % (who, i), partition=i % partitions)
            producer.poll(0)
        assert producer.flush(30) == 0

    found = [[] for _ in range(partitions)]

    def read(share):
        consumer = Consumer(server.confluent(group_id="none", enable_auto_commit=False))
        consumer.assign([TopicPartition("crowd", p, 0) for p in share])
        deadline, wanted = time.monotonic() + 30, sum(len(range(p, each, partitions)) for p in share) * writers
        while wanted and time.monotonic() < deadline:
            for message in consumer.consume(500, 0.2):
                assert not message.error(), message.error()
                found[message.partition()].append(message.value())
                wanted -= 1
        consumer.close()

    together(*[lambda w=w: write(w) for w in range(writers)], *[lambda s=s: read(range(s, partitions, 3)) for s in range(3)])
    for partition, values in enumerate(found):
        for who in range(writers):
            expected = [b"%d %d" % (who, i) for i in range(partition, each, partitions)]
            assert [it for it in values if it.startswith(b"%d " % who)] == expected, f"partition {partition}, writer {who}"


def together(*acts):
    """Runs them at once; fails if one fails."""
    failures = []

    def run(act):
        try:
            act()
        except BaseException as error:  # also an assertion of a thread is the check's
            failures.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def configs(server):
    """What may be set at a topic's creation, told, changed and refused, for topics and brokers."""
    admin = server.admin()
    wanted = {"cleanup.policy": "compact,delete", "retention.ms": "60000", "segment.bytes": "1048576"}
    assert code(admin.create_topics([NewTopic("keys", 1, 1, config=wanted)])["keys"]) is None

    def told(kind, name):
        resource = ConfigResource(kind, name)
        return admin.describe_configs([resource])[resource].result(15)

    def change(kind, name, key, value, operation=AlterConfigOpType.SET):
        entry = ConfigEntry(key, value, incremental_operation=operation)
        resource = ConfigResource(kind, name, incremental_configs=[entry])
        return code(admin.incremental_alter_configs([resource])[resource])

    def until(kind, name, key, value):
        # A broker learns of a change a moment after the controller.
        deadline = time.monotonic() + 5
        while told(kind, name)[key].value != value:
            assert time.monotonic() < deadline, (key, told(kind, name)[key].value)
            time.sleep(0.05)

    topic, broker = ResourceType.TOPIC, ResourceType.BROKER
    for key, value in wanted.items():
        until(topic, "keys", key, value)
    found = told(topic, "keys")
    assert len(found) > 30 and found["retention.ms"].source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value, found
    assert found["flush.ms"].is_default and not found["flush.ms"].is_read_only
    assert change(topic, "keys", "retention.ms", "70000") is None
    until(topic, "keys", "retention.ms", "70000")
    assert change(topic, "keys", "cleanup.policy", "compact", AlterConfigOpType.SUBTRACT) is None
    until(topic, "keys", "cleanup.policy", "delete")
    assert change(topic, "keys", "retention.ms", None, AlterConfigOpType.DELETE) is None
    until(topic, "keys", "retention.ms", "604800000")
    assert change(topic, "keys", "retention.ms", "soon") == "INVALID_CONFIG"
    assert change(topic, "keys", "no.such.key", "1") == "INVALID_CONFIG"
    assert change(topic, "nothing", "retention.ms", "1") == "UNKNOWN_TOPIC_OR_PART"
    me = str(next(iter(admin.list_topics(timeout=10).brokers)))
    assert change(broker, me, "broker.id", "77") == "INVALID_REQUEST"
    assert told(broker, me)["broker.id"].is_read_only

    # A smaller largest message, for all topics and at once; the topic's own setting is nearer.
    assert change(broker, me, "message.max.bytes", "1000") is None
    until(broker, me, "message.max.bytes", "1000")
    large = [(None, b"x" * 2000, [], FIRST_STAMP)]
    error = raises(AssertionError, lambda: confluent_write(server, "keys", large, "none", "all"))
    assert "MSG_SIZE_TOO_LARGE" in repr(error), error
    assert change(topic, "keys", "max.message.bytes", "5000") is None
    until(topic, "keys", "max.message.bytes", "5000")
    confluent_write(server, "keys", large, "none", "all")
    assert change(broker, me, "message.max.bytes", None, AlterConfigOpType.DELETE) is None

    other = KafkaAdminClient(bootstrap_servers=server.address)
    raises(TopicAlreadyExistsError, lambda: other.create_topics([OtherNewTopic("keys", 1, 1)]))
    other.close()


def topics(server):
    """Topics grow and go."""
    admin = server.admin()
    assert code(admin.create_topics([NewTopic("grows", 1, 1)])["grows"]) is None
    assert code(admin.create_partitions([NewPartitions("grows", 3)])["grows"]) is None
    assert code(admin.create_partitions([NewPartitions("grows", 2)])["grows"]) == "INVALID_PARTITIONS"
    deadline = time.monotonic() + 5
    while len(admin.list_topics("grows", timeout=10).topics["grows"].partitions) != 3:
        assert time.monotonic() < deadline, "the new partitions are not told"
        time.sleep(0.05)
    assert code(admin.delete_topics(["grows"])["grows"]) is None
    assert code(admin.delete_topics(["grows"])["grows"]) == "UNKNOWN_TOPIC_OR_PART"


def idempotence(server):
    """Producers that number their batches, which is what both clients' Java cousin does unasked."""
    server.create("numbered")
    failed = []
    producer = Producer(server.confluent(enable_idempotence=True, linger_ms=1))
    for i in range(500):
        producer.produce("numbered", b"%d" % i, on_delivery=lambda error, _: error and failed.append(error))
        producer.poll(0)
    assert producer.flush(20) == 0 and not failed, failed[:1]
    other = KafkaProducer(bootstrap_servers=server.address, enable_idempotence=True, max_block_ms=10000)
    for i in range(500, 600):
        other.send("numbered", b"%d" % i)
    other.flush(20)
    other.close(timeout=5)
    found = [value for _, (_, value, _, _) in python_read(server, "numbered", 600)]
    assert found == [b"%d" % i for i in range(600)], (len(found), found[:3])


def unsupported(server):
    """What is not served is said to be so, at once: some clients ask for ever what they may ask again."""
    quiet = logging.getLogger("clients")
    producer = Producer(server.confluent(transactional_id="t"), logger=quiet)
    error = raises(KafkaException, lambda: producer.init_transactions(20)).args[0]
    assert error.code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED and error.fatal(), error


def ids(server):
    """Topics asked for by id, as the Java client does: with an empty name, not a null one."""
    server.create("named")
    name, nothing = b"\x06named", b"\x01"
    metadata = lambda id, name: ask(raw(server), 3, 12, b"\2" + id + name + b"\0" + b"\0\0\0", True)
    known = metadata(bytes(16), name)
    at = known.index(name) + len(name)
    id = known[at : at + 16]
    assert id != bytes(16), known
    for unnamed in (nothing, b"\0"):
        assert b"\0\0" + name + id in metadata(id, unnamed), unnamed
    assert struct.pack(">h", 100) + b"\0" + b"\1" * 16 in metadata(b"\1" * 16, nothing), "no UNKNOWN_TOPIC_ID"


def strangers(server):
    """Bytes that no client sends, and clients that behave as none should: the others notice nothing."""
    server.create("calm")
    good, before = raw(server), server.memory()
    well = lambda: ask(good, 18, 0)[4:6] == b"\0\0"
    greeting = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500)
    malformed = [greeting, b"GET / HTTP/1.1\r\n\r\n", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1\0"]
    for sent in malformed:
        stranger = raw(server)
        stranger.sendall(sent)
        try:
            assert stranger.recv(1) == b"", sent
        except ConnectionResetError:
            pass
        assert well(), sent
    for i in range(500):
        stranger = raw(server)
        frame = struct.pack(">hhih", [0, 1, 2, 3, 18, 19, 23, 60][i % 8], i // 8 % 19, 1, -1) + os.urandom(1 + i % 200)
        stranger.sendall(struct.pack(">i", len(frame)) + frame)
        stranger.close()
    for _ in range(1000):
        raw(server).close()
    # More than the server has descriptors for; the last ones wait to be accepted.
    crowd = [raw(server) for _ in range(200)]
    for stranger in crowd:
        stranger.sendall(b"\0\0\1\0half")
    assert well()
    for stranger in crowd:
        stranger.close()
    # A flood behind a long poll stays with its sender.
    flood = raw(server)
    flood.settimeout(1)
    partitions = struct.pack(">iiqi", 1, 0, 0, 1000)
    poll = struct.pack(">iiiiBi", -1, 20_000, 1, 1000, 0, 1) + struct.pack(">h", 4) + b"calm" + partitions
    frame = struct.pack(">hhih", 1, 4, 1, -1) + poll
    flood.sendall(struct.pack(">i", len(frame)) + frame)
    try:
        for _ in range(200):
            flood.sendall(b"\0" * 1_000_000)
    except TimeoutError:
        pass
    assert well() and server.alive()
    assert server.memory() - before < 100_000, f"{before} KiB have become {server.memory()}"


def doors(server):
    """Nobody is told of a cluster without brokers, neither by a server that starts nor by one that stops. librdkafka would forget
    the brokers that it knows and, if it can't reach a bootstrap server at once, hang."""
    server.create("behind", 2)
    asking, brokers, refused = threading.Event(), [], [0]

    def asks():
        while not asking.is_set():
            try:
                connection = raw(server)
                # Metadata of no topic, version 1: the number of brokers comes first.
                while not asking.is_set() and (answer := ask(connection, 3, 1, b"\0\0\0\0")):
                    brokers.append(int.from_bytes(answer[4:8]))
            except ConnectionRefusedError:
                refused[0] += 1
            except ConnectionError:
                pass  # killed while it answered

    def disturbs():
        try:
            for i in range(6):
                server.kill() if i % 2 else server.stop()
                server.start()
                time.sleep(0.2)
        finally:
            asking.set()

    together(asks, disturbs)
    assert refused[0] and len(brokers) > 100
    assert all(brokers), f"{brokers.count(0)} of {len(brokers)} answers name no broker"


def restarts(server):
    """Clients live through a SIGKILL and a SIGTERM of the server, and nothing that was acknowledged is missing."""
    server.create("kept", 4)
    writing, reading, acknowledged = threading.Event(), threading.Event(), set()
    found = {"confluent": set(), "python": set()}

    def confluent_writes():
        producer = Producer(server.confluent(acks="all", linger_ms=2, message_timeout_ms=30_000))
        told = lambda error, message: error or acknowledged.add(message.value())
        for i in range(1 << 30):
            if writing.is_set():
                break
            producer.produce("kept", b"c%d" % i, partition=i % 4, on_delivery=told)
            producer.poll(0.001)
        assert producer.flush(30) == 0

    def python_writes():
        producer = KafkaProducer(bootstrap_servers=server.address, acks="all", enable_idempotence=False)
        sent = []
        while not writing.is_set():
            value = b"p%d" % len(sent)
            sent.append((value, producer.send("kept", value, partition=len(sent) % 4)))
            time.sleep(0.002)
        producer.flush(30)
        acknowledged.update(value for value, future in sent if future.succeeded())
        assert acknowledged & {value for value, _ in sent[-20:]}, "the producer did not come back"
        producer.close()

    def confluent_reads():
        consumer = Consumer(server.confluent(group_id="none", enable_auto_commit=False))
        consumer.assign([TopicPartition("kept", i, 0) for i in range(4)])
        while not reading.is_set():
            message = consumer.poll(0.2)
            if message and not message.error():
                found["confluent"].add(message.value())
        consumer.close()

    def python_reads():
        consumer = KafkaConsumer(bootstrap_servers=server.address, enable_auto_commit=False)
        partitions = [OtherPartition("kept", i) for i in range(4)]
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        while not reading.is_set():
            for messages in consumer.poll(200).values():
                found["python"].update(message.value for message in messages)
        consumer.close()

    def disturb():
        try:
            time.sleep(1.5)
            server.kill()
            server.start()
            time.sleep(1.5)
            server.stop()
            server.start()
            time.sleep(1.5)
        finally:
            writing.set()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            time.sleep(0.2)
            if len(acknowledged) > 100 and all(acknowledged <= it for it in found.values()):
                # Once the writers are done, this stays true.
                if all(not thread.is_alive() for thread in writers):
                    break
        reading.set()

    writers = []

    def alongside(act):
        writers.append(threading.current_thread())
        act()

    together(lambda: alongside(confluent_writes), lambda: alongside(python_writes), confluent_reads, python_reads, disturb)
    assert any(value.startswith(b"c") for value in acknowledged)
    for name, values in found.items():
        missing = acknowledged - values
        assert not missing, f"{name} misses {len(missing)} of {len(acknowledged)} acknowledged records"


def drain(consumer, wanted, seen, limit=40):
    """Polls until all of `wanted` was seen, and commits after each record, so that nothing is read twice."""
    end = time.monotonic() + limit
    while not wanted <= set(seen):
        assert time.monotonic() < end, f"{len(seen)} of {len(wanted)} records within {limit} s"
        message = consumer.poll(0.2)
        if message is None:
            continue
        assert not message.error(), message.error()
        seen.append(message.value())
        consumer.commit(message=message, asynchronous=False)


def owned(*consumers):
    """What each of them has, once every partition of four has an owner and none has two."""
    end = time.monotonic() + 40
    while time.monotonic() < end:
        for consumer in consumers:
            message = consumer.poll(0.1)
            assert message is None or not message.error(), message.error()
        has = [{partition.partition for partition in consumer.assignment()} for consumer in consumers]
        if sorted(partition for each in has for partition in each) == [0, 1, 2, 3] and all(has):
            return has
    raise AssertionError(f"the group is not at rest: {has}")


def groups(server):
    """Groups of both protocols: shared, committed, taken over, and all there after a kill of the server."""
    server.create("shared", 4)
    values = {b"v%d" % i for i in range(80)}
    producer = Producer(server.confluent())
    for value in values:
        producer.produce("shared", value, key=value)
    assert producer.flush(20) == 0
    for protocol in ["classic", "consumer"]:
        settings = server.confluent(
            group_id=f"readers-{protocol}", group_protocol=protocol, auto_offset_reset="earliest", enable_auto_commit=False,
        )
        if protocol == "classic":
            settings["session.timeout.ms"] = 6000
        first, second, seen = Consumer(settings), Consumer(settings), []
        first.subscribe(["shared"])
        drain(first, values, seen)
        assert sorted(seen) == sorted(values), f"{protocol}: {len(seen)} records read, {len(values)} written"
        second.subscribe(["shared"])
        assert [len(has) for has in owned(first, second)] == [2, 2], protocol
        first.close()
        owned(second)
        all_four = [TopicPartition("shared", partition) for partition in range(4)]
        committed = [at.offset for at in second.committed(all_four, 10)]
        ends = [second.get_watermark_offsets(at, 10)[1] for at in all_four]
        assert committed == ends, f"{protocol}: {committed} committed of {ends}"
        admin = server.admin()
        described = admin.describe_consumer_groups([settings["group.id"]])[settings["group.id"]].result(15)
        assert described.state.name == "STABLE" and len(described.members) == 1, (described.state, described.members)
        server.kill()
        server.start()
        late = b"late-" + protocol.encode()
        producer = Producer(server.confluent())
        producer.produce("shared", late, partition=2)
        assert producer.flush(20) == 0
        values.add(late)
        # The member goes on as if nothing had been; it has read everything else before.
        drain(second, {late}, fresh := [])
        assert fresh == [late], f"{protocol}: read again: {fresh[:5]}"
        second.close()
        admin = server.admin()
        listed = {group.group_id: group for group in admin.list_consumer_groups().result(15).valid}
        assert listed[settings["group.id"]].state.name == "EMPTY", listed
        admin.delete_consumer_groups([settings["group.id"]])[settings["group.id"]].result(15)
        third = Consumer(settings)
        assert [at.offset for at in third.committed(all_four, 10)] == [-1001] * 4, f"{protocol}: a deleted group has offsets"
        third.close()


def mixed(server):
    """Two clients of different make in one group."""
    server.create("mixed", 2)
    producer = Producer(server.confluent())
    for i in range(20):
        producer.produce("mixed", b"m%d" % i, partition=i % 2)
    assert producer.flush(20) == 0
    other = KafkaConsumer(
        "mixed", bootstrap_servers=server.address, group_id="mixed", auto_offset_reset="earliest", enable_auto_commit=False,
        consumer_timeout_ms=15000,
    )
    seen = []
    for message in other:
        seen.append(message.value)
        if len(seen) == 20:
            break
    assert len(set(seen)) == 20, seen
    other.commit()
    one = Consumer(server.confluent(group_id="mixed", auto_offset_reset="earliest", enable_auto_commit=False, partition_assignment_strategy="range,roundrobin"))
    at = [TopicPartition("mixed", partition) for partition in range(2)]
    assert [found.offset for found in one.committed(at, 10)] == [10, 10]
    one.subscribe(["mixed"])
    end = time.monotonic() + 40
    # Each polls in turn: the rebalance needs both.
    while not (len(one.assignment()) == 1 and len(other.assignment()) == 1):
        assert time.monotonic() < end, f"{one.assignment()} and {other.assignment()}"
        one.poll(0.2)
        other.poll(200)
    other.close()
    while len(one.assignment()) != 2:
        assert time.monotonic() < end, "the partitions of the member that left were not taken over"
        one.poll(0.2)
    one.close()


CHECKS = [
    negotiation, admin, configs, topics, records, idempotence, sizes, positions, crowd, groups, mixed, unsupported, ids, strangers, doors, restarts,
]


def main():
    binary, data, *names = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    print(f"confluent-kafka {confluent_kafka.version()} (librdkafka {confluent_kafka.libversion()[0]}), kafka-python {kafka.__version__}")
    server, failed = Server(binary, data), 0
    chosen = [check for check in CHECKS if not names or check.__name__ in names]
    for check in chosen:
        began = time.monotonic()
        try:
            check(server)
            assert server.alive(), "the server died"
            print(f"ok {check.__name__} {time.monotonic() - began:.1f} s", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED {check.__name__}: {type(error).__name__}: {error}", flush=True)
            if not server.alive():
                server.start()
    try:
        # With clients of the checks still connected.
        server.stop()
    except Exception as error:
        failed += 1
        print(f"FAILED stop: {error}")
        server.kill()
    if failed:
        with open(data + ".log") as log:
            sys.stderr.write("".join(log.readlines()[-20:]))
    print(f"{len(chosen) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
