// A session with agentd from Node without dependencies: the start of a client.
//
//     node session.mjs         register a task of two nodes, and work on it
//     node session.mjs TASK    work on a task that is there, until nothing of it is runnable
//
// The rule this file keeps: whatever it sends may be sent twice without harm, so a request whose
// answer got lost is sent again. Exit codes: 0 ok, 1 refused or failed, 3 daemon not reachable.

import { randomUUID } from "node:crypto";
import { createConnection } from "node:net";
import { homedir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const OWNER = `session.mjs/${process.pid}`;
const TIMEOUT_MS = 30_000;

/** The answer is an error. Nothing was changed; `kind` is for programs. */
class Refused extends Error {
  constructor({ message, data }) {
    super(message);
    this.kind = data?.kind ?? "";
  }
}

/** No daemon answers. Whether it took the request is unknown. */
class Unreachable extends Error {}

/** One connection, opened by the first call and anew after it broke. Calls may overlap. */
class Client {
  #socket = null;
  #waiting = []; // in the order sent, which is the order of the answers
  #received = [];

  /** The result of one request, which has to be one that may be sent twice. */
  async call(method, params = {}) {
    const line = JSON.stringify({ method, params }) + "\n";
    let answer;
    try {
      answer = await this.#ask(line);
    } catch (error) {
      if (error instanceof Unreachable) throw error;
      answer = await this.#ask(line).catch((again) => { // the daemon was restarted, perhaps
        throw unreachable(again);
      });
    }
    // JSON.parse rounds integers beyond 2^53: send such numbers as strings.
    const response = JSON.parse(answer);
    if ("error" in response) throw new Refused(response.error);
    return response.result;
  }

  /** Close the connection; what still waits for an answer is told so. */
  close() {
    this.#socket?.destroy();
  }

  #ask(line) {
    return new Promise((resolve, reject) => {
      const socket = (this.#socket ??= this.#connect());
      const silent = () => socket.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`));
      const timer = setTimeout(silent, TIMEOUT_MS);
      this.#waiting.push((error, answer) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(answer);
      });
      socket.write(line);
    });
  }

  #connect() {
    const socket = createConnection(socketPath());
    let broken = new Error("the daemon closed the connection");
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (error) => {
      broken = error.syscall === "connect" ? unreachable(error) : error;
    });
    socket.on("close", () => {
      if (this.#socket === socket) this.#socket = null;
      this.#received = [];
      for (const answered of this.#waiting.splice(0)) answered(broken);
    });
    return socket;
  }

  // Not node:readline: it also ends lines at U+2028, which may stand inside a JSON string.
  #take(chunk) {
    let start = 0;
    for (let end; (end = chunk.indexOf(10, start)) >= 0; start = end + 1) {
      this.#received.push(chunk.subarray(start, end));
      const answer = Buffer.concat(this.#received).toString();
      this.#received = [];
      this.#waiting.shift()?.(null, answer);
    }
    this.#received.push(chunk.subarray(start)); // the start of a line, however long it gets
  }
}

/** Where the daemon listens, unless its env file says otherwise. */
function socketPath() {
  const home = process.env.AGENTD_HOME ?? "~/.agentd";
  const path = process.env.AGENTD_SOCKET_PATH ?? `${home}/agentd.sock`;
  return path.replace(/^~(?=\/)/, homedir());
}

/** The failure, in words that say what to do. */
function unreachable(error) {
  if (error instanceof Unreachable) return error;
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new Unreachable(`${socketPath()}: another user's daemon, or a sandbox forbids it`);
  }
  if (error.syscall !== "connect") {
    return new Unreachable(`${socketPath()} gives no answer: ${error.message}`);
  }
  return new Unreachable(
    `no agentd at ${socketPath()} (${error.code}): start it with \`agentd serve\`, ` +
      "or set AGENTD_SOCKET_PATH",
  );
}

/** A task of two nodes, the second of which waits for the first; returns its id. */
async function register(client) {
  const [hello, goodbye] = [randomUUID(), randomUUID()];
  const { task_id } = await client.call("RegisterTask", {
    goal: "greet",
    initial_nodes: [
      { id: hello, payload_schema: { say: "hello" } },
      { id: goodbye, payload_schema: { say: "goodbye" }, dependencies: [hello] },
    ],
    request_id: randomUUID(), // else a repeat would register a second task
  });
  return task_id;
}

/** A worker's life: acquire, work under heartbeats, complete or fail, until `null`. */
async function workThrough(client, taskId, leaseSecs) {
  for (;;) {
    const node = await client.call("AcquireNextNode", {
      task_id: taskId,
      lease_owner: OWNER,
      request_id: randomUUID(), // it stands for one request for ever: so each poll takes a new one
    });
    if (node === null) return;
    const lease = { task_id: taskId, node_id: node.node_id, lease_id: node.lease_id };
    const started = { action_type: "STARTED", payload: { worker: OWNER } };
    try {
      await client.call("CommitEvent", { ...lease, ...started, request_id: randomUUID() });
      const [method, outcome] = await underHeartbeats(client, lease, leaseSecs / 3, () =>
        attempt(node.context),
      );
      await client.call(method, { ...lease, ...outcome });
      console.log(`node ${node.node_id}: ${method}`);
    } catch (error) {
      if (error.kind !== "stale_lease") throw error;
      console.log(`node ${node.node_id}: lost the lease, so another worker does it`);
    }
  }
}

/** How the node ends: completed with what `work` returns, or failed with what it throws. */
async function attempt(context) {
  try {
    return ["CompleteNode", { result_payload: await work(context) }];
  } catch (error) {
    return ["FailNode", { error_payload: { message: error.message } }];
  }
}

/** The work itself: put your own here. It may be done twice, if a lease runs out over it. */
async function work(context) {
  const job = context.node.payload_schema;
  await sleep((job.seconds ?? 0) * 1000);
  if (job.say === undefined) throw new TypeError("the payload has nothing to say");
  const after = context.completed_dependencies.map((node) => node.result_payload);
  return { said: job.say, after };
}

/** Extend the lease every so often while `job` is at work. */
async function underHeartbeats(client, lease, intervalSecs, job) {
  // No answer, or a refusal: then the worker's next request is told so too.
  const beat = () => client.call("HeartbeatNode", lease).catch(() => clearInterval(timer));
  const timer = setInterval(beat, Math.max(intervalSecs, 0.1) * 1000);
  try {
    return await job();
  } finally {
    clearInterval(timer);
  }
}

/** Health, RegisterTask, the worker's loop, TaskStatus; sets the exit code. */
async function main() {
  const client = new Client();
  try {
    const health = await client.call("Health");
    const taskId = process.argv[2] ?? (await register(client));
    await workThrough(client, taskId, health.running_timeout_secs);
    const { task, counts } = await client.call("TaskStatus", { task_id: taskId });
    console.log(`task ${task.id}: ${JSON.stringify(counts)}`);
    process.exitCode = "FAILED" in counts ? 1 : 0;
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
    console.error(`session.mjs: ${error.message}`);
    process.exitCode = error instanceof Unreachable ? 3 : 1;
  } finally {
    client.close();
  }
}

await main();
