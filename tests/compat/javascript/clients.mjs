// What javascript.sh asks real clients to do with a server. Each check is a function; each can fail.
//
// usage: clients.mjs KLAMM_BINARY DATA_DIRECTORY [CHECK...]

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import kafkajs from "kafkajs";

const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs;
const FIRST_STAMP = 1_700_000_000_000;
const COUNT = 100;

/** A server process. */
class Server {
  constructor(binary, data) {
    this.binary = binary;
    this.data = data;
    this.port = 0;
  }

  start() {
    // Groups of one member need not wait three seconds for others.
    const settings = ["--set", "group.initial.rebalance.delay.ms=0"];
    const command = ["serve", "--port", String(this.port), "--data", this.data, ...settings];
    this.process = spawn(this.binary, command, { stdio: ["ignore", "pipe", "inherit"] });
    this.ended = new Promise((done) => this.process.once("exit", (code) => done(code)));
    return new Promise((ready, failed) => {
      let said = "";
      this.process.stdout.on("data", (text) => {
        said += text;
        const told = said.match(/localhost:(\d+)/);
        if (told) ready((this.port = Number(told[1])));
      });
      this.process.once("exit", () => failed(new Error("the server did not say where it listens")));
    });
  }

  async end(signal) {
    this.process.kill(signal);
    return this.ended;
  }

  kafkajs(settings = {}) {
    const brokers = [`localhost:${this.port}`];
    return new Kafka({ clientId: "compat", brokers, logLevel: logLevel.NOTHING, ...settings });
  }

  modern(settings = {}) {
    return { clientId: "compat", bootstrapBrokers: [`localhost:${this.port}`], retries: 5, retryDelay: 200, ...settings };
  }
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, holds) {
  for (let waited = 0; waited < 15_000; waited += 50) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error(`not within fifteen seconds: ${what}`);
}

/** The error that something fails with. */
async function fails(act) {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error("no failure");
}

/** Every error that an error was made from. */
const within = (error) => [error, ...[...(error.errors ?? []), ...(error.cause ? [error.cause] : [])].flatMap(within)];

// --- kafkajs ---------------------------------------------------------------------------------------------------------------

/** Key, value, headers and time of the i-th record: each may be missing, but never key and value both. */
const record = (i) => ({
  key: i % 3 === 0 ? null : `k${i}`,
  value: i % 3 !== 0 && i % 5 === 0 ? null : `v${i}`,
  headers: i % 4 === 0 ? { twice: ["1", "2"], ü: "é" } : {},
  timestamp: String(FIRST_STAMP + i),
  partition: 0,
});

const told = ({ key, value, headers, timestamp, offset }) => ({
  key: key && key.toString(),
  value: value && value.toString(),
  headers: Object.fromEntries(Object.entries(headers).map(([name, of]) => [name, [of].flat().map(String)])),
  timestamp,
  offset,
});

/** What a group reads of a topic until there is enough. */
async function read(server, groupId, topic, count) {
  const consumer = server.kafkajs().consumer({ groupId, maxWaitTimeInMs: 100 });
  const found = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void found.push(told(message)) });
  await until(`${count} records of ${topic}`, () => found.length >= count);
  await consumer.disconnect();
  return found;
}

async function records(server) {
  const kafka = server.kafkajs();
  const producer = kafka.producer();
  await producer.connect();
  const ways = [];
  for (const codec of ["None", "GZIP"]) for (const acks of [0, 1, -1]) ways.push([`js-${codec}-${acks}`, codec, acks]);
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: ways.map(([topic]) => ({ topic })), waitForLeaders: true });
  const messages = Array.from({ length: COUNT }, (_, i) => record(i));
  for (const [topic, codec, acks] of ways) await producer.send({ topic, acks, messages, compression: CompressionTypes[codec] });
  await producer.disconnect();
  const expected = messages.map((message, i) => told({ ...message, offset: String(i) }));
  await Promise.all(ways.map(async ([topic]) => assert.deepEqual(await read(server, topic, topic, COUNT), expected, topic)));

  // What was committed, and where to find a time.
  const [committed] = await admin.fetchOffsets({ groupId: "js-GZIP--1" });
  assert.equal(committed.partitions[0].offset, String(COUNT));
  const [at] = await admin.fetchTopicOffsetsByTimestamp("js-GZIP--1", FIRST_STAMP + 7);
  assert.equal(at.offset, "7");
  await admin.deleteTopicRecords({ topic: "js-GZIP--1", partitions: [{ partition: 0, offset: "40" }] });
  const [bounds] = await admin.fetchTopicOffsets("js-GZIP--1");
  assert.deepEqual([bounds.low, bounds.high], ["40", String(COUNT)]);
  await admin.resetOffsets({ groupId: "js-GZIP--1", topic: "js-GZIP--1", earliest: true });
  const again = await read(server, "js-GZIP--1", "js-GZIP--1", COUNT - 40);
  assert.deepEqual([again[0].offset, again.length], ["40", COUNT - 40]);
  await admin.deleteGroups(["js-GZIP--1"]);
  assert.equal((await admin.describeGroups(["js-GZIP--1"])).groups[0].state, "Dead");
  await admin.disconnect();
}

async function admin(server) {
  const admin = server.kafkajs({ retry: { retries: 0 } }).admin();
  await admin.connect();
  const configEntries = [{ name: "retention.ms", value: "100000" }];
  assert.equal(await admin.createTopics({ topics: [{ topic: "js-three", numPartitions: 3, configEntries }] }), true);
  assert.equal(await admin.createTopics({ topics: [{ topic: "js-three" }] }), false);
  const bad = await fails(() => admin.createTopics({ topics: [{ topic: "bad/name" }, { topic: "js-copies", replicationFactor: 3 }] }));
  assert.deepEqual(bad.errors.map(({ type }) => type), ["INVALID_TOPIC_EXCEPTION", "INVALID_REPLICATION_FACTOR"]);
  await admin.createPartitions({ topicPartitions: [{ topic: "js-three", count: 5 }] });
  const { topics } = await admin.fetchTopicMetadata({ topics: ["js-three"] });
  assert.equal(topics[0].partitions.length, 5);
  const topic = { type: ConfigResourceTypes.TOPIC, name: "js-three", configNames: ["retention.ms"] };
  const { resources } = await admin.describeConfigs({ resources: [topic] });
  assert.deepEqual(resources[0].configEntries.map(({ configValue }) => configValue), ["100000"]);
  const acl = { resourceType: 1, resourcePatternType: 1, operation: 1, permissionType: 1 };
  assert.equal((await fails(() => admin.describeAcls(acl))).type, "SECURITY_DISABLED");
  await admin.deleteTopics({ topics: ["js-three"] });
  assert.ok(!(await admin.listTopics()).includes("js-three"));
  await admin.disconnect();
}

/** Who comes with a name and a password, with TLS or for transactions is told no, and soon. */
async function refusals(server) {
  const began = Date.now();
  const retry = { retries: 0 };
  const sasl = { mechanism: "plain", username: "u", password: "p" };
  const named = await fails(() => server.kafkajs({ retry, sasl }).admin().connect());
  assert.match(named.message, /ILLEGAL_SASL_STATE|not valid given the current SASL state|SASL/);
  await fails(() => server.kafkajs({ retry, ssl: true }).admin().connect());
  // An idempotent producer may not be told to give up at once.
  const patient = server.kafkajs({ retry: { retries: 1 } });
  const producer = patient.producer({ transactionalId: "t", idempotent: true, maxInFlightRequests: 1 });
  await fails(() => producer.connect().then(() => producer.transaction()));
  await producer.disconnect();

  const other = new Admin(server.modern({ retries: 0, sasl: { ...sasl, mechanism: "PLAIN" } }));
  const errors = within(await fails(() => other.listTopics()));
  assert.ok(errors.some(({ message }) => /SASL/.test(message)), errors.map(String).join("\n"));
  await other.close();
  assert.ok(Date.now() - began < 10_000, "a refusal took more than ten seconds");
}

// --- @platformatic/kafka ---------------------------------------------------------------------------------------------------

/** Groups of both protocols read what was written by every codec that there is, and a console looks at what is left. */
async function modern(server) {
  const admin = new Admin(server.modern());
  const codecs = ["none", "gzip", "snappy", "lz4"];
  await admin.createTopics({ topics: codecs.map((codec) => `pl-${codec}`), partitions: 1, replicas: 1 });
  const producer = new Producer(server.modern({ serializers: stringSerializers, idempotent: true }));
  for (const compression of codecs) {
    const topic = `pl-${compression}`;
    const message = (i) => ({ topic, partition: 0, key: `k${i}`, value: `v${i}`, headers: { ü: "é" }, timestamp: BigInt(FIRST_STAMP + i) });
    const messages = Array.from({ length: COUNT }, (_, i) => message(i));
    const { offsets } = await producer.send({ messages, compression, acks: -1 });
    assert.deepEqual(offsets.map(({ offset }) => offset), [0n]);
  }
  await producer.close();
  for (const groupProtocol of ["classic", "consumer"]) {
    await Promise.all(codecs.map(async (codec) => {
      const settings = { groupId: `${groupProtocol}-${codec}`, groupProtocol, maxWaitTime: 100, deserializers: stringDeserializers };
      const consumer = new Consumer(server.modern(settings));
      const stream = await consumer.consume({ topics: [`pl-${codec}`], mode: "earliest", autocommit: false });
      let next = 0;
      for await (const message of stream) {
        assert.deepEqual([message.offset, message.value], [BigInt(next), `v${next}`]);
        assert.deepEqual([...message.headers], [["ü", "é"]]);
        if (++next === COUNT) {
          await message.commit();
          break;
        }
      }
      await consumer.close(true);
      const [group] = await admin.listConsumerGroupOffsets({ groups: [{ groupId: settings.groupId }] });
      assert.equal(group.topics[0].partitions[0].committedOffset, BigInt(COUNT), settings.groupId);
    }));
  }
  const [{ results }] = await admin.describeLogDirs({ topics: [{ name: "pl-none", partitions: [0] }] });
  const [{ logDir, topics }] = results;
  assert.equal(logDir, server.data);
  const [{ partitionSize, offsetLag }] = topics[0].partitions;
  assert.ok(partitionSize > 1000n && offsetLag === 0n, `${partitionSize} bytes, ${offsetLag} behind`);
  await admin.close();
}

/** A producer whose server is killed goes on with the next one, and nothing that was acknowledged is lost. */
async function restarts(server) {
  const producer = server.kafkajs({ retry: { retries: 20, initialRetryTime: 100, maxRetryTime: 500 } }).producer({ idempotent: true });
  await producer.connect();
  const write = (value) => producer.send({ topic: "js-kept", messages: [{ value }] });
  for (let i = 0; i < 20; i++) {
    if (i === 10) {
      await server.end("SIGKILL");
      await server.start();
    }
    await write(`v${i}`);
  }
  await producer.disconnect();
  const found = await read(server, "js-kept", "js-kept", 20);
  assert.deepEqual(found.map(({ value }) => value), Array.from({ length: 20 }, (_, i) => `v${i}`));
}

const CHECKS = { admin, records, modern, refusals, restarts };

const [binary, data, ...chosen] = process.argv.slice(2);
const server = new Server(binary, data);
await server.start();
let failed = 0;
for (const name of chosen.length ? chosen : Object.keys(CHECKS)) {
  const began = Date.now();
  try {
    await CHECKS[name](server);
    console.log(`ok ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${within(error).map((each) => each.stack).join("\n")}`);
  }
}
const status = await server.end("SIGTERM");
if (status !== 0) {
  failed += 1;
  console.log(`FAILED: exit status ${status} after SIGTERM`);
}
process.exit(failed ? 1 : 0);
