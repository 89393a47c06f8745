// A client of KurrentDB, the official one for Node, that says in JSON what it reads, appends and follows.
//
// The same commands and answers as `kurrent_client.py` and the Rust `kurrent-client` beside it, so that one
// test asks all three the same. Errors are told by the name of the client's own type.
//
//     node kurrent_client.mjs reads URL             one object: what each way of reading gave
//     node kurrent_client.mjs appends URL           one object: what became of each append
//     node kurrent_client.mjs tries URL             one object: a read, an append and a delete
//     node kurrent_client.mjs follow URL stream NAME
//     node kurrent_client.mjs follow URL all PREFIX
//         a line for each thing heard, for ever; after a loss it goes on from the last position it saw
//
// Needs: @kurrent/kurrentdb-client.

import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";

import kurrent from "@kurrent/kurrentdb-client";

const { ANY, BACKWARDS, END, FORWARDS, KurrentDBClient, NO_STREAM, START } = kurrent;
const { eventTypeFilter, excludeSystemEvents, jsonEvent, streamNameFilter } = kurrent;

// Longest life of a follower, milliseconds; the test ends it long before.
const LIFE_MS = 300_000;
// Pause before it subscribes again, milliseconds.
const PAUSE_MS = 50;
// Events looked at between two checkpoints.
const WINDOW = 4;

const word = ({ event }) => `${event.streamId}@${event.revision} ${event.type}`;

async function all(events) {
  const found = [];
  for await (const event of events) found.push(event);
  return found;
}

const words = async (events) => (await all(events)).map(word);

async function errorOf(call) {
  try {
    await call();
  } catch (error) {
    return error.constructor.name;
  }
  return null;
}

async function reads(client) {
  const stream = (options) => words(client.readStream("account-1", options));
  const readAll = (options) => words(client.readAll(options));
  const both = async (filter) => ({
    forwards: await readAll({ filter }),
    backwards: await readAll({ filter, direction: BACKWARDS, fromPosition: END }),
  });
  const third = (await all(client.readAll()))[2].event.position;
  return {
    stream: await stream({ direction: FORWARDS, fromRevision: START }),
    stream_backwards: await stream({ direction: BACKWARDS, fromRevision: END }),
    stream_middle: await stream({ fromRevision: 1n, maxCount: 2 }),
    stream_middle_backwards: await stream({
      direction: BACKWARDS,
      fromRevision: 2n,
      maxCount: 2,
    }),
    missing: await errorOf(() => words(client.readStream("nowhere"))),
    all: await both(undefined),
    all_from_third: await readAll({ fromPosition: third, maxCount: 2 }),
    all_before_third: await readAll({ fromPosition: third, direction: BACKWARDS, maxCount: 2 }),
    usual_filter: await both(excludeSystemEvents()),
    stream_prefix: await both(streamNameFilter({ prefixes: ["meter-", "key-"] })),
    stream_regex: await both(streamNameFilter({ regex: "^account-[0-9]+$" })),
    stream_look_ahead: await both(streamNameFilter({ regex: "^(?!(account-.*$))" })),
    type_prefix: await both(eventTypeFilter({ prefixes: ["paid.", "installed."] })),
    type_regex: await both(eventTypeFilter({ regex: "^(charged|paid)\\.v1$" })),
    type_look_ahead: await both(eventTypeFilter({ regex: "^(?!(charged\\..*$|\\$.+$))" })),
  };
}

const numbered = (n) =>
  jsonEvent({
    id: `00000000-0000-0000-0000-${n.toString(16).padStart(12, "0")}`,
    type: "noted.v1",
    data: { n },
  });

async function appends(client) {
  const append = async (numbers, streamState) => {
    const written = await client.appendToStream("a", numbers.map(numbered), { streamState });
    return Number(written.nextExpectedRevision);
  };
  const conflict = async (numbers, streamState) => {
    try {
      return await append(numbers, streamState);
    } catch (error) {
      return { error: error.constructor.name, says: String(error.actualState) };
    }
  };
  return {
    first: await append([1], NO_STREAM),
    second: await append([2, 3], 0n),
    again: await append([2, 3], 0n),
    any: await append([4], ANY),
    wrong_single: await conflict([5], 1n),
    wrong_batch: await conflict([6, 7], 1n),
    wrong_no_stream: await conflict([8], NO_STREAM),
    read_back: await words(client.readStream("a")),
    data: (await all(client.readStream("a"))).map(({ event }) => event.data),
  };
}

async function tries(client) {
  let read;
  try {
    read = (await all(client.readAll())).map(({ event }) => event.type);
  } catch (error) {
    read = error.constructor.name;
  }
  return {
    read,
    append: await errorOf(() => client.appendToStream("a", numbered(1), { streamState: ANY })),
    append_batch: await errorOf(() => client.appendToStream("a", [1, 2].map(numbered))),
    delete: await errorOf(() => client.deleteStream("a")),
  };
}

const say = (told) => console.log(JSON.stringify(told));

// Hears until the subscription ends, and gives each position to `reached`. A checkpoint of this client comes
// by a call that may overtake events before it; it waits here until those have been heard.
function hear(client, what, name, after, reached) {
  const heardAll = async (subscription) => {
    while (subscription.readableLength > 0) await turn();
  };
  const checkpointReached = async (subscription, { commit }) => {
    await heardAll(subscription);
    say({ checkpoint: Number(commit) });
    reached(commit);
  };
  const options = { prefixes: [name], checkpointInterval: 1, maxSearchWindow: WINDOW };
  const from = (position) => (after === undefined ? START : position(after));
  const subscription =
    what === "stream"
      ? client.subscribeToStream(name, { fromRevision: from((at) => at) })
      : client.subscribeToAll({
          fromPosition: from((at) => ({ commit: at, prepare: at })),
          filter: streamNameFilter({ ...options, checkpointReached }),
        });
  return new Promise((ended) => {
    subscription
      .on("confirmation", () => say({ subscribed: after === undefined ? null : Number(after) }))
      .on("caughtUp", async () => {
        await heardAll(subscription);
        say({ caught_up: true });
      })
      .on("data", (resolved) => {
        const at = what === "stream" ? resolved.event.revision : resolved.event.position.commit;
        say({ event: word(resolved), at: Number(at) });
        reached(at);
      })
      .on("error", (error) => ended(error.constructor.name))
      .on("end", () => ended("end"));
  });
}

async function follow(client, what, name) {
  setTimeout(() => process.exit(1), LIFE_MS);
  let after;
  for (;;) {
    const dropped = await hear(client, what, name, after, (at) => {
      after = at;
    });
    say({ dropped });
    await pause(PAUSE_MS);
  }
}

const [command, url, what, name] = process.argv.slice(2);
const client = KurrentDBClient.connectionString(url);
if (command === "follow") {
  await follow(client, what, name);
} else {
  const told = await { reads, appends, tries }[command](client);
  console.log(JSON.stringify(told));
  await client.dispose();
  process.exit(0);
}
