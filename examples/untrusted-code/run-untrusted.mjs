/**
 * Runs code that nobody vouches for: a program on stdin, its output on stdout, and one line of JSON on stderr that says how
 * it ended. Nothing is left of it afterwards.
 *
 * ```
 * node run-untrusted.mjs IMAGE COMMAND… < program
 * ```
 */
import { randomInt } from "node:crypto";
import { Runt } from "runt";

/** What it may use. */
export const limits = {
  timeoutMs: 5_000,
  maxOutputBytes: 64 * 1024,
  memory: 128 << 20,
  cpus: 1,
  processes: 32,
  /** What it may write, in /tmp, which is memory too. */
  scratch: "16m",
};

/**
 * A user of its own, one in two thousand million that nobody else is: so that what it starts is counted apart from all
 * else, and not one file of the host is its own, even if it were to get out.
 */
function stranger() {
  const id = randomInt(1 << 30, 2 ** 31 - 1);
  return `${id}:${id}`;
}

/**
 * What a container of untrusted code is like. Each line is a wall; several stand behind each other on purpose.
 *
 * @param {ReadonlySet<string>} controllers of cgroup v2 that this machine has
 * @returns {import("runt").RuntRunOptions}
 */
export function sandbox(controllers) {
  const { memory, cpus, processes, scratch } = limits;
  return {
    // Not even its own loopback has an address.
    network: "none",
    // It can change nothing, but for a little memory that goes with it; programs cannot be run from there.
    readOnly: true,
    tmpfs: { "/tmp": `size=${scratch},mode=1777,nosuid,nodev,noexec` },
    shmSize: "1m",
    // Nobody, without one capability and without a way to get any.
    user: stranger(),
    capDrop: ["ALL"],
    noNewPrivileges: true,
    // Its kernel sees fewer system calls: the default profile refuses what images do not need.
    seccomp: "default",
    // Of all its processes together, where the kernel counts that for us.
    ...(controllers.has("memory") && { memory, memorySwap: memory }),
    ...(controllers.has("cpu") && { cpus }),
    ...(controllers.has("pids") && { pidsLimit: processes }),
    // Of each process, and of its user, everywhere.
    ulimits: {
      nproc: processes,
      as: memory,
      nofile: 64,
      fsize: 16 << 20,
      core: 0,
      cpu: Math.ceil(limits.timeoutMs / 1000) + 1,
    },
    // It is its own init's child: whatever it leaves behind ends with it.
    init: true,
    hostname: "sandbox",
    timeoutMs: limits.timeoutMs,
    maxOutputBytes: limits.maxOutputBytes,
    // Nothing is written to the disk for it.
    log: "none",
  };
}

/**
 * Runs `command`, which reads `program`.
 *
 * @param {Runt} runt
 * @param {string} image
 * @param {readonly string[]} command
 * @param {string} program
 * @param {AbortSignal} [signal]
 * @returns {Promise<import("runt").RuntRunResult>}
 */
export async function runUntrusted(runt, image, command, program, signal) {
  return await runt.run(image, { ...sandbox(runt.controllers()), command, input: program, signal });
}

if (import.meta.main) {
  const [image, ...command] = process.argv.slice(2);
  if (image === undefined || command.length === 0) {
    console.error("usage: node run-untrusted.mjs IMAGE COMMAND… < program");
    process.exit(2);
  }
  const { text } = await import("node:stream/consumers");
  await using runt = await Runt.open({ root: process.env.RUNT_DATA_ROOT, runRoot: process.env.RUNT_ROOT });
  const { stdout, stderr, ...how } = await runUntrusted(runt, image, command, await text(process.stdin));
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  console.error(JSON.stringify(how));
}
