/** A long-lived process that embeds the library uses as much after thousands of containers as after some hundred. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { footprint, missing, nothing, Sandbox, until } from "../safety/containers.ts";

const count = Number(process.env.RUNT_SOAK_CYCLES ?? 3000);
const warmUp = Math.ceil(count / 4);

interface Usage {
  readonly heapUsed: number;
  readonly external: number;
  readonly rss: number;
  readonly fds: number;
  readonly listeners: number;
}

const MiB = 1 << 20;

describe.skipIf(missing)("the library in a long-lived process", () => {
  test(`${count} containers: heap, memory, fds and listeners do not grow`, {
    timeout: 60_000 + count * 200,
  }, async () => {
    await using sandbox = new Sandbox();
    sandbox.write();
    const order = { bundle: sandbox.bundle, root: sandbox.root, warmUp, count };
    const program = join(import.meta.dirname, "embed.ts");
    // V8 gives itself more room the busier the machine is; with a fixed one, what grows is ours.
    const options = ["--expose-gc", "--min-semi-space-size=4", "--max-semi-space-size=4"];
    const child = spawn(process.execPath, [...options, program, JSON.stringify(order)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.on("data", (bytes: Buffer) => {
      text += bytes;
    });
    const [status] = await once(child, "close");
    expect(status).toBe(0);
    const usage = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Usage);
    console.log(
      `memory: ${usage.map(({ heapUsed, rss, fds }) => `heap ${mib(heapUsed)} rss ${mib(rss)} fds ${fds}`).join("; ")}`,
    );
    expect(usage.length).toBe(5);
    const [first, last] = [usage[0]!, usage[4]!];
    expect(last.fds).toBeLessThanOrEqual(first.fds);
    expect(last.listeners).toBe(first.listeners);
    // A container that left 700 bytes behind would be seen; what the compiler learns meanwhile is less.
    expect(last.heapUsed - first.heapUsed).toBeLessThan(2 * MiB);
    expect(last.external - first.external).toBeLessThan(1 * MiB);
    // The allocator keeps what it had at its busiest moment; 5 kB for each container would be seen.
    expect(last.rss - first.rss).toBeLessThan(first.rss / 4);
    await until(() => Object.values(footprint(sandbox)).flat().length === 0, "nothing is left").catch(() =>
      expect(footprint(sandbox)).toEqual(nothing),
    );
  });
});

function mib(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}
