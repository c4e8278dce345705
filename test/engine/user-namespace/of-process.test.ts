/** The user namespace of a process: what was looked at is what is joined, whoever has the number by then. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { describe, expect } from "vitest";
import { holdMapsOfPath, mapsOfPath } from "../../../src/engine/user-namespace/of-process.ts";
import { hasCode } from "../../../src/linux/system-error.ts";
import { eventually } from "../../support/container.ts";
import { needs } from "../../support/needs.ts";

/** A process in a user namespace of its own, which has our own ids as its root. */
async function holder(): Promise<AsyncDisposable & { readonly path: string; end(): Promise<void> }> {
  const child = spawn("unshare", ["--user", "--map-root-user", "sleep", "600"], { stdio: "ignore" });
  const path = `/proc/${child.pid}/ns/user`;
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  await eventually(() => {
    const maps = readlinkSync(path) !== readlinkSync("/proc/self/ns/user") && mapsOfPath(path, "test");
    return (maps && maps.uid[0]?.size === 1 && maps.gid[0]?.size === 1) || undefined;
  }, "its maps");
  return { path, end, [Symbol.asyncDispose]: end };
}

/** User namespaces that this process has open. What else it opens and closes meanwhile is not ours. */
function heldNamespaces(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith("user:[") ? [target] : [];
    } catch (error) {
      // The one that listed them is closed again.
      if (hasCode(error, "ENOENT")) return [];
      throw error;
    }
  });
}

describe("--userns=ns:/proc/PID/ns/user", () => {
  needs("program:unshare")("what is held leads to that namespace after its process is gone", async () => {
    await using other = await holder();
    const maps = mapsOfPath(other.path, "test")!;
    expect(maps.uid).toEqual([{ containerID: 0, hostID: 0, size: 1 }]);
    const { ino } = statSync(other.path);
    let path: string;
    {
      using held = holdMapsOfPath(other.path, maps);
      path = held.path;
      await other.end();
      expect(existsSync(other.path)).toBe(false);
      expect(statSync(held.path).ino).toBe(ino);
      expect(heldNamespaces()).toEqual([`user:[${ino}]`]);
    }
    expect(existsSync(path)).toBe(false);
    expect(() => holdMapsOfPath(other.path, maps)).toThrow(/no such namespace/);
  });

  needs("program:unshare")("of another namespace than was meant nothing is kept open", async () => {
    await using other = await holder();
    const ids = [{ containerID: 0, hostID: 300_000, size: 1 }];
    expect(() => holdMapsOfPath(other.path, { uid: ids, gid: ids })).toThrow(/has other ids/);
    expect(mapsOfPath(`/proc/${process.pid}/ns/user`, "test")).toBeUndefined();
    expect(heldNamespaces()).toEqual([]);
  });
});
