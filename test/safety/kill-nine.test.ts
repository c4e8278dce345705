/** Whoever is killed, and whenever in create: `delete --force` leaves nothing. @see runtime-spec 1.3 runtime.md#errors */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { isAlive, readProcessStat } from "../../src/linux/process.ts";
import { expectNothing, missing, runtime, Sandbox, traces, until } from "./containers.ts";

interface Outcome {
  readonly id: string;
  readonly points: readonly string[];
  /** Shims and inits that there were. */
  readonly pids: ReadonlySet<number>;
  /** "created", "failed …", or undefined when the program did not come to its end. */
  readonly end: string | undefined;
}

const program = fileURLToPath(new URL("create-in-steps.ts", import.meta.url));
const null_ = openSync("/dev/null", "r+");

async function createStruck(
  sandbox: Sandbox,
  victim: string,
  at: number,
  signal: NodeJS.Signals = "SIGKILL",
): Promise<Outcome> {
  const id = sandbox.id();
  const { root, cgroupManager, rootless } = sandbox.context;
  const order = {
    context: { root, cgroupManager, rootless },
    id,
    options: { bundle: sandbox.bundle },
    victim,
    signal,
    at,
  };
  // Of a process group of its own, as a shell's job is. Its stderr is the container's too.
  const child = spawn(process.execPath, [program, JSON.stringify(order)], {
    stdio: [null_, "pipe", null_],
    detached: true,
    env: { ...process.env, NODE_COMPILE_CACHE: join(sandbox.directory, "cache") },
  });
  let text = "";
  child.stdout!.on("data", (bytes: Buffer) => {
    text += bytes;
  });
  // "exit": the container holds the pipe too.
  await once(child, "exit");
  await new Promise((resolve) => setImmediate(resolve));
  child.stdout!.destroy();
  const lines = text.split("\n").filter((line) => line !== "");
  const points = lines.filter((line) => /^\d/.test(line));
  return {
    id,
    points: points.map((line) => line.split(" ")[1]!),
    pids: new Set(
      points
        .flatMap((line) => line.split(" ").slice(2))
        .filter(Boolean)
        .map(Number),
    ),
    end: lines.find((line) => !/^\d/.test(line)),
  };
}

/** A shim or an init by this pid; another process may have it by now. */
function isOurs(pid: number): boolean {
  const stat = readProcessStat(pid);
  return stat !== undefined && isAlive(pid, stat.startTime) && runsShim(pid);
}

function runsShim(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).includes("runt-shim");
  } catch {
    return false;
  }
}

const configs: Record<string, (sandbox: Sandbox) => void> = {
  "the usual container": ({ config }) => {
    config.process.args = ["/bin/sleep", "60"];
  },
  "one with hooks, a user namespace, idmapped mounts and masked paths": ({ config, outside, rootfs }) => {
    mkdirSync(join(rootfs, "data"));
    config.process.args = ["/bin/sleep", "60"];
    config.linux.namespaces.push({ type: "user" });
    config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    config.mounts.push({ destination: "/data", type: "bind", source: outside, options: ["bind", "idmap"] });
    config.linux.maskedPaths = ["/proc/kcore"];
    config.hooks = {
      createRuntime: [{ path: "/bin/true" }, { path: "/bin/true" }],
      createContainer: [{ path: "/bin/true" }],
    };
  },
  // Nothing but the cgroup holds its processes together.
  "one without namespaces for pids, with a hook that takes long": ({ config }) => {
    config.process.args = ["/bin/sleep", "60"];
    config.linux.namespaces = [{ type: "mount" }];
    config.mounts = [];
    config.hooks = { createContainer: [{ path: "/bin/sleep", args: ["sleep", "0.02"] }] };
  },
};

const parallel = 2;

/** RUNT_KILL_NINE=all takes minutes and strikes at every step of all of them. */
const strideOf = (name: string): number =>
  name === "the usual container" || process.env.RUNT_KILL_NINE === "all" ? 1 : 2;
const often: Record<number, string> = { 1: "every", 2: "every other", 3: "every third" };

/** Strikes at one point after the other, or at each `stride`th of them. */
async function strikeEverywhere(
  victim: string,
  stride: number,
  change: (sandbox: Sandbox) => void,
  check: (sandbox: Sandbox, outcome: Outcome) => Promise<void>,
): Promise<void> {
  await using sandbox = new Sandbox();
  change(sandbox);
  sandbox.write();
  const whole = await createStruck(sandbox, victim, -1);
  expect(whole.end, whole.points.join(" ")).toBe("created");
  await runtime.deleteContainer(sandbox.context, whole.id, { force: true });
  await expectNothing(sandbox);
  expect(whole.points.length).toBeGreaterThan(10);
  let at = 0;
  if (victim === "shim" || victim === "init") {
    // Before this there is neither of them.
    at = whole.points.indexOf("message-started");
  }
  const worker = async (): Promise<void> => {
    while (at < whole.points.length) {
      const n = at;
      at += stride;
      const outcome = await createStruck(sandbox, victim, n);
      if (outcome.points.length <= n) {
        // A turn of waiting less than the first time: it has got through.
        await runtime.deleteContainer(sandbox.context, outcome.id, { force: true });
        continue;
      }
      try {
        await check(sandbox, outcome);
        await until(() => ![...outcome.pids].some(isOurs), "shim and init are gone");
      } catch (error) {
        throw new Error(`${victim} struck at ${n}, ${whole.points[n]}: ${(error as Error).message}`, {
          cause: error,
        });
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  await expectNothing(sandbox);
}

const of = (sandbox: Sandbox, id: string): object => {
  const all = traces(sandbox);
  const own = (list: readonly string[]): string[] => list.filter((line) => line.includes(id));
  return { mounts: all.mounts, cgroups: own(all.cgroups), state: own(all.state) };
};
const gone = { mounts: [], cgroups: [], state: [] };

describe.skipIf(missing)("create, with somebody killed in the midst of it", () => {
  for (const [name, change] of Object.entries(configs)) {
    for (const victim of ["self", "group"]) {
      // The group makes no difference to what is left, only to who is struck.
      if (victim === "group" && name !== "the usual container") continue;
      const stride = victim === "group" ? 3 : strideOf(name);
      test(`kill -9 of the runtime (${victim}) at ${often[stride]} step, ${name}: delete --force leaves nothing`, {
        timeout: 120_000,
      }, async () => {
        await strikeEverywhere(victim, stride, change, async (sandbox, { id, end }) => {
          expect(end).toBeUndefined();
          await runtime.deleteContainer(sandbox.context, id, { force: true });
          expect(of(sandbox, id)).toEqual(gone);
        });
      });
    }
    for (const victim of ["shim", "init"]) {
      const stride = strideOf(name);
      test(`kill -9 of ${victim} at ${often[stride]} step, ${name}: an error and nothing left, or a container that has stopped`, {
        timeout: 120_000,
      }, async () => {
        await strikeEverywhere(victim, stride, change, async (sandbox, { id, end }) => {
          if (end?.startsWith("failed")) expect(of(sandbox, id)).toEqual(gone);
          else expect(end).toBe("created");
          await runtime.deleteContainer(sandbox.context, id, { force: true });
          expect(of(sandbox, id)).toEqual(gone);
        });
      });
    }
  }

  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    test(`${signal} to the runtime: delete --force leaves nothing`, { timeout: 120_000 }, async () => {
      await using sandbox = new Sandbox();
      sandbox.config.process.args = ["/bin/sleep", "60"];
      sandbox.write();
      for (const at of [2, 12, 18]) {
        const { id, pids } = await createStruck(sandbox, "group", at, signal);
        await runtime.deleteContainer(sandbox.context, id, { force: true });
        expect(of(sandbox, id)).toEqual(gone);
        await until(() => ![...pids].some(isOurs), "shim and init are gone");
      }
      await expectNothing(sandbox);
    });
  }
});
