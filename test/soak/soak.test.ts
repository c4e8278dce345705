/**
 * Thousands of containers, eight at a time, made by the library, by its verbs and by the command line, while somebody
 * kills command lines, shims and inits at random: `delete --force` cleans up after every one, and in the end nothing is
 * left. RUNT_SOAK_CYCLES says how many (2,000), RUNT_SOAK_SEED which ones.
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RuntError } from "../../src/errors.ts";
import { Random } from "../native/random.ts";
import {
  cgroupPrefix,
  footprint,
  type Json,
  missing,
  nothing,
  runtime,
  Sandbox,
  until,
} from "../safety/containers.ts";
import { type Works, ways } from "./cycle.ts";
import { childrenOf, strike } from "./striker.ts";

const cycles = Number(process.env.RUNT_SOAK_CYCLES ?? 2000);
const seed = Number(process.env.RUNT_SOAK_SEED ?? 20261121);
const parallel = 8;

/** A container in several shapes, as files in the bundle. */
function writeConfigs(sandbox: Sandbox): string[] {
  mkdirSync(join(sandbox.rootfs, "data"));
  const long = { ...sandbox.config, process: { ...sandbox.config.process, args: ["/bin/sleep", "1000"] } };
  const ids = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  const shapes: Record<string, Json> = {
    short: sandbox.config,
    long,
    "user-namespace": {
      ...long,
      linux: { namespaces: [...long.linux.namespaces, { type: "user" }], uidMappings: ids, gidMappings: ids },
    },
    "mounts-and-hooks": {
      ...long,
      mounts: [
        ...long.mounts,
        { destination: "/data", type: "bind", source: sandbox.outside, options: ["rbind", "ro"] },
      ],
      linux: { ...long.linux, maskedPaths: ["/proc/kcore", "/etc"], readonlyPaths: ["/proc/sys"] },
      hooks: { createRuntime: [{ path: "/bin/true" }], poststop: [{ path: "/bin/true" }] },
    },
    // Nothing but the cgroup holds its processes together.
    "host-pids": {
      ...long,
      mounts: [],
      process: { ...long.process, args: ["/bin/sh", "-c", "/bin/sleep 1000 & /bin/sleep 1000"] },
      linux: { namespaces: [{ type: "mount" }] },
    },
  };
  return Object.entries(shapes).map(([name, config]) => {
    const path = join(sandbox.bundle, `${name}.json`);
    writeFileSync(path, JSON.stringify(config));
    return path;
  });
}

/** Fds of ours by what they are of; of pipes, sockets and the like only how many. */
function openFiles(): Record<string, number> {
  const count: Record<string, number> = {};
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]$/, "");
      count[target] = (count[target] ?? 0) + 1;
    } catch {} // the one that lists them
  }
  return count;
}

/** Namespaces that nobody lives in are held by an fd of ours, or by a mount. */
function heldNamespaces(): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const fds = Object.keys(openFiles()).filter((target) =>
    /^(net|mnt|pid|user|ipc|uts|cgroup|time)$/.test(target),
  );
  return [...mounts.filter((line) => line.includes(" nsfs ")), ...fds];
}

describe.skipIf(missing)("many containers, and somebody who kills", () => {
  test(`${cycles} cycles, ${parallel} at a time (RUNT_SOAK_SEED=${seed}): nothing is left`, {
    timeout: 60_000 + cycles * 400,
  }, async () => {
    await using sandbox = new Sandbox();
    const configs = writeConfigs(sandbox);
    const null_ = openSync("/dev/null", "r+");
    const works: Works = { sandbox, random: new Random(seed), configs, commands: new Set(), nothing: null_ };
    const warmUp = async (): Promise<void> => {
      for (const way of Object.values(ways)) {
        const id = sandbox.id();
        await way(works, id, configs[0]!);
        await runtime.deleteContainer(sandbox.context, id, { force: true });
      }
    };
    await warmUp();
    const namespaces = heldNamespaces();
    const files = openFiles();

    const done = new AbortController();
    const options = {
      random: new Random(seed + 1),
      commands: works.commands,
      cgroupPrefix,
      pauseMs: 60,
    };
    const striking = strike(options, done.signal);
    const count = { object: 0, verbs: 0, commands: 0, failed: 0 };
    const bad: string[] = [];
    let left = cycles;
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const { random } = works;
        const draw = random.below(100);
        const way = draw < 65 ? "object" : draw < 85 ? "verbs" : "commands";
        const id = sandbox.id();
        count[way]++;
        try {
          await ways[way](works, id, configs[random.below(configs.length)]!);
        } catch (error) {
          count.failed++;
          // A sentence for the user, and not a surprise to us.
          if (!(error instanceof RuntError) || /\n./.test(error.message))
            bad.push(`${way} ${id}: ${(error as Error).stack}`);
        }
        try {
          await runtime.deleteContainer(sandbox.context, id, { force: true });
        } catch (error) {
          bad.push(`delete --force after ${way} ${id}: ${(error as Error).stack}`);
        }
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    done.abort();
    const strikes = await striking;
    const total = strikes.command + strikes.shim + strikes.init;
    console.log(`soak: ${JSON.stringify({ ...count, struck: strikes })}`);
    expect(bad).toEqual([]);
    // Nothing fails that nobody struck; and somebody was struck.
    expect(count.failed).toBeLessThanOrEqual(total);
    expect(total).toBeGreaterThan(cycles / 50);
    await until(() => Object.values(footprint(sandbox)).flat().length === 0, "nothing is left").catch(() =>
      expect(footprint(sandbox)).toEqual(nothing),
    );
    await until(() => childrenOf(process.pid).length === 0, "no child of ours, alive or dead");
    expect(heldNamespaces()).toEqual(namespaces);
    // Streams are closed when they have been read to their end, a turn later.
    await until(() => grown(files).length === 0, "fds are closed").catch(() =>
      expect(grown(files)).toEqual([]),
    );
    closeSync(null_);
  });
});

/** What is open more often than it was. */
function grown(before: Record<string, number>): string[] {
  const now = openFiles();
  return Object.keys(now)
    .filter((target) => now[target]! > (before[target] ?? 0))
    .map((target) => `${target}: ${before[target] ?? 0} → ${now[target]}`);
}
