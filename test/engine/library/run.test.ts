/** `Runt.run`: a container as a function call. */

import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { asRoot } from "../../support/needs.ts";
import { aRunt, forgetEngines, prepareEngines, sh } from "./a-runt.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

describe("Runt.run", () => {
  asRoot("output, exit code, and nothing of it afterwards", async () => {
    await using r = await aRunt();
    const result = await r.runt.run("bb", sh("echo out; echo err >&2; exit 3"));
    expect(result).toMatchObject({ exitCode: 3, stdout: "out\n", stderr: "err\n", ended: "exited" });
    expect(await r.runt.list({ all: true })).toEqual([]);
    expect(r.t.remains()).toEqual([]);
  });

  asRoot("options by name", async () => {
    await using r = await aRunt();
    const text = "echo $A $(id -u) $(id -g) $(pwd) $(hostname); touch /x || touch /scratch/x && echo wrote";
    const { stdout } = await r.runt.run("bb", {
      ...sh(text),
      env: { A: "from us" },
      user: "1000:1001",
      workdir: "/tmp",
      hostname: "box",
      readOnly: true,
      tmpfs: { "/scratch": "size=1m,mode=1777" },
    });
    expect(stdout).toBe("from us 1000 1001 /tmp box\nwrote\n");
  });

  asRoot("what it reads: a text, or a stream", async () => {
    await using r = await aRunt();
    const cat = { command: "cat", network: "none" } as const;
    expect((await r.runt.run("bb", { ...cat, input: "in and out" })).stdout).toBe("in and out");
    const input = Readable.from(["a", "b", "c"].map((text) => Buffer.from(text)));
    expect((await r.runt.run("bb", { ...cat, input })).stdout).toBe("abc");
    expect((await r.runt.run("bb", cat)).stdout).toBe("");
    const big = "x".repeat(3_000_000);
    // It reads none of it.
    expect(await r.runt.run("bb", { command: "true", network: "none", input: big })).toMatchObject({
      exitCode: 0,
    });
    expect((await r.runt.run("bb", { ...cat, input: big })).stdout.length).toBe(big.length);
  });

  asRoot("too long, too much, killed: the result says so", async () => {
    await using r = await aRunt();
    const late = await r.runt.run("bb", { ...sh("echo begun; while :; do :; done"), timeoutMs: 2000 });
    expect(late).toMatchObject({ ended: "timeout", exitCode: 137, stdout: "begun\n", signal: "SIGKILL" });
    const loud = await r.runt.run("bb", { ...sh("while :; do echo more; done"), maxOutputBytes: 1000 });
    expect(loud).toMatchObject({ ended: "output limit", exitCode: 137 });
    expect(loud.stdout.length).toBe(1000);
    expect(await r.runt.run("bb", sh("kill -15 1; kill -9 $$; echo no"))).toMatchObject({ stdout: "no\n" });
    expect(r.t.remains()).toEqual([]);
  });

  asRoot("an aborted one throws the signal's reason, and is gone", async () => {
    await using r = await aRunt();
    const controller = new AbortController();
    const running = r.runt.run("bb", { ...sh("sleep 60"), signal: controller.signal });
    while ((await r.runt.list()).length === 0) await sleep(10);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    await expect(r.runt.run("bb", { ...sh("true"), signal: controller.signal })).rejects.toBe(reason);
    expect(r.t.remains()).toEqual([]);
  });

  asRoot("a program that cannot run is an error, and leaves nothing", async () => {
    await using r = await aRunt();
    const run = (command: string) => r.runt.run("bb", { command, network: "none" });
    await expect(run("/no/such/program")).rejects.toMatchObject({ name: "RuntError", kind: "NotFound" });
    await expect(run("/noexec")).rejects.toMatchObject({ kind: "PermissionDenied" });
    await expect(r.runt.run("no-such-image", { pull: "never" })).rejects.toMatchObject({ kind: "NotFound" });
    for (const options of [
      { memory: "much" as "1m" },
      { ports: ["http"] },
      { ports: [70_000] },
      { mounts: ["a:b:c:d"] },
      { mounts: ["/a:relative"] },
    ])
      await expect(r.runt.run("bb", options)).rejects.toMatchObject({ kind: "InvalidArgument" });
    await expect(run("true")).resolves.toMatchObject({ exitCode: 0 });
    expect(r.t.remains()).toEqual([]);
  });

  asRoot("twenty at once from one program", async () => {
    await using r = await aRunt();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => r.runt.run("bb", sh(`echo ${n}; exit ${n}`))),
    );
    expect(results.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(
      Array.from({ length: 20 }, (_, n) => [n, `${n}\n`]),
    );
    expect(await r.runt.list({ all: true })).toEqual([]);
    expect(r.t.remains()).toEqual([]);
  });
});
