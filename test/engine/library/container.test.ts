/** A container as a program holds it. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { RuntContainerOptions as ContainerOptions } from "../../../src/index.ts";
import { eventually } from "../../support/container.ts";
import { asRoot } from "../../support/needs.ts";
import { startRegistry } from "../../support/registry.ts";
import { aRunt, forever, forgetEngines, prepareEngines, sh } from "./a-runt.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

describe("a container's life", () => {
  asRoot("created, running, exited, started again, removed by `await using`", async () => {
    await using r = await aRunt();
    {
      await using c = await r.runt.create("bb", { ...forever, name: "one", labels: { a: "b" } });
      expect([c.name, await c.status()]).toEqual(["one", "created"]);
      await c.start();
      expect(await c.status()).toBe("running");
      const ended = c.wait();
      await c.stop({ timeoutSeconds: 20 });
      expect(await ended).toBe(0);
      expect(await c.status()).toBe("exited");
      await c.restart();
      await c.pause();
      expect(await c.status()).toBe("paused");
      await c.unpause();
      await c.kill();
      expect(await c.wait()).toBe(137);
      expect((await c.inspect()).Config.Labels).toMatchObject({ a: "b" });
      expect((await r.runt.get("one")).id).toBe(c.id);
    }
    expect(r.t.remains()).toEqual([]);
    await expect(r.runt.get("one")).rejects.toMatchObject({ kind: "NotFound" });
  });

  asRoot("its end is seen to by this program: no other is started for it", async () => {
    await using r = await aRunt();
    await using c = await r.runt.start("bb", sh("exit 4"));
    expect(await c.wait()).toBe(4);
    await r.t.becomes(c.id, "exited");
    expect(readFileSync(join(r.t.root, "containers", c.id, "attended"), "utf8")).toBe("done\n");
  });

  asRoot("one that is left is its monitor's to see to", async () => {
    await using r = await aRunt();
    const c = await r.runt.start("bb", { ...forever, autoRemove: true });
    r.runt.close();
    expect(await r.t.status(c.id)).toBe("running");
    await r.t.engine.kill(c.id);
    await r.t.becomes(c.id, "gone");
    await eventually(() => (r.t.remains().length === 0 ? true : undefined), "its end");
  });

  asRoot("one with a restart policy is started again", async () => {
    await using r = await aRunt();
    await using c = await r.runt.start("bb", { ...sh("exit 1"), restart: { onFailure: 2 } });
    expect(await c.wait()).toBe(1);
    expect((await c.inspect()).RestartCount).toBe(2);
  });

  asRoot("an aborted wait leaves it running", async () => {
    await using r = await aRunt();
    await using c = await r.runt.start("bb", forever);
    const reason = new Error("no more");
    await expect(c.wait({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const waits = [
      c.wait({ signal: controller.signal }),
      (await r.runt.get(c.id)).wait({ signal: controller.signal }),
    ];
    setTimeout(() => controller.abort(reason), 50);
    expect(await Promise.allSettled(waits)).toEqual(waits.map(() => ({ status: "rejected", reason })));
    expect(await c.status()).toBe("running");
  });
});

describe("programs in it", () => {
  asRoot("exec: output and exit code", async () => {
    await using r = await aRunt();
    await using c = await r.runt.start("bb", forever);
    const options = { env: { A: "1" }, user: "alice", workdir: "/tmp" };
    expect(await c.exec(["sh", "-c", "echo $A $(id -un) $(pwd); echo e >&2; exit 5"], options)).toEqual({
      exitCode: 5,
      stdout: "1 alice /tmp\n",
      stderr: "e\n",
    });
    expect((await c.exec("cat", { input: "given" })).stdout).toBe("given");
    expect((await c.exec("cat", { input: Readable.from([Buffer.from("a"), Buffer.from("b")]) })).stdout).toBe(
      "ab",
    );
    // Nobody reads it.
    expect(await c.exec("true", { input: "x".repeat(3_000_000) })).toMatchObject({ exitCode: 0 });
    expect((await c.exec("cat")).stdout).toBe("");
    await expect(c.exec("/no/such")).rejects.toMatchObject({ name: "RuntError", kind: "NotFound" });
    const loud = await c.exec(["sh", "-c", "while :; do echo more; done"], { maxOutputBytes: 100 });
    expect([loud.exitCode, loud.stdout.length]).toEqual([137, 100]);
  });

  asRoot("spawn: streams, a terminal, a signal, an end", async () => {
    await using r = await aRunt();
    await using c = await r.runt.start("bb", forever);
    await using cat = await c.spawn("cat", { stdin: true });
    cat.stdin!.write("first ");
    cat.stdin!.end("last");
    expect([await text(cat.stdout!), await cat.wait()]).toEqual(["first last", 0]);
    await using sleeper = await c.spawn(["sleep", "60"]);
    expect(sleeper.kill("SIGKILL")).toBe(true);
    expect(await sleeper.wait()).toBe(137);
    const console = { tty: true, consoleSize: { width: 91, height: 17 } } as const;
    await using terminal = await c.spawn(["sh", "-c", "busybox stty size"], console);
    expect(await text(terminal.stdout!)).toBe("17 91\r\n");
    const controller = new AbortController();
    await using endless = await c.spawn(["sleep", "60"], { signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(endless.wait()).rejects.toBe(reason);
  });

  asRoot("attach: its own streams, beside others", async () => {
    await using r = await aRunt();
    await using c = await r.runt.start("bb", { ...sh("read line; echo got $line"), stdin: true });
    using attached = await c.attach();
    attached.attachment.stdin!.write("a line\n");
    expect(await text(attached.attachment.stdout!)).toBe("got a line\n");
  });
});

describe("logs", () => {
  asRoot("a stream of bytes, from the first, the last, a moment; and as they come", async () => {
    await using r = await aRunt();
    const script = "echo one; echo two >&2; while [ ! -e /go ]; do sleep 0.02; done; echo three; printf four";
    await using c = await r.runt.start("bb", sh(script));
    await r.t.said(c.id, "two");
    const followed = text(c.logs({ follow: true }));
    expect(await text(c.logs())).toBe("one\ntwo\n");
    expect(await text(c.logs({ stream: "stderr" }))).toBe("two\n");
    expect(await text(c.logs({ tail: 1 }))).toBe("two\n");
    const since = new Date();
    await c.writeFile("/go", "");
    expect(await followed).toBe("one\ntwo\nthree\nfour");
    await c.wait();
    expect(await text(c.logs({ since }))).toBe("three\nfour");
    const lines = [];
    for await (const line of c.logLines()) lines.push(line);
    expect(lines.map(({ stream, text }) => [stream, text])).toEqual([
      ["stdout", "one"],
      ["stderr", "two"],
      ["stdout", "three"],
      ["stdout", "four"],
    ]);
    expect(lines[0]!.time.getTime()).toBeLessThan(since.getTime());
  });

  asRoot("following ends with the signal's reason, or with the stream", async () => {
    await using r = await aRunt();
    await using c = await r.runt.start("bb", forever);
    const signal = AbortSignal.timeout(50);
    await expect(text(c.logs({ follow: true, signal }))).rejects.toMatchObject({ name: "TimeoutError" });
    const stream = c.logs({ follow: true });
    setTimeout(() => stream.destroy(), 30);
    await new Promise((resolve) => stream.on("close", resolve).resume());
  });
});

describe("files", () => {
  asRoot("into it, out of it, and their content", async () => {
    await using r = await aRunt();
    await using c = await r.runt.create("bb", forever);
    const here = join(r.t.directory, "here");
    mkdirSync(join(here, "sub"), { recursive: true });
    writeFileSync(join(here, "sub/file"), "from the host");
    await c.copyTo(join(here, "sub"), "/tmp");
    await c.writeFile("/tmp/script", "#!/bin/sh\necho ran as $(id -u)\n", { mode: 0o755, uid: 1000 });
    await c.start();
    expect((await c.exec(["cat", "/tmp/sub/file"])).stdout).toBe("from the host");
    expect((await c.exec("/tmp/script")).stdout).toBe("ran as 0\n");
    expect((await c.exec(["stat", "-c", "%u %a", "/tmp/script"])).stdout).toBe("1000 755\n");
    await c.exec(["sh", "-c", "echo changed > /tmp/sub/file"]);
    await c.copyFrom("/tmp/sub", join(here, "back"));
    expect(readFileSync(join(here, "back/file"), "utf8")).toBe("changed\n");
    expect(String(await c.readFile("/data/link"))).toBe("deep\n");
    await expect(c.readFile("/data")).rejects.toMatchObject({ kind: "InvalidArgument" });
    await expect(c.readFile("/none")).rejects.toMatchObject({ kind: "NotFound" });
    await expect(c.writeFile("/no/such/dir/x", "")).rejects.toMatchObject({ kind: "NotFound" });
  });
});

describe("what it uses, volumes, images", () => {
  asRoot("stats of one that runs", async () => {
    await using r = await aRunt();
    await using c = await r.runt.start("bb", forever);
    expect((await c.stats()).network).toEqual({ received: 0, sent: 0 });
    await c.kill();
    await c.wait();
    await expect(c.stats()).rejects.toMatchObject({ kind: "FailedPrecondition" });
    await expect(c.port(80)).rejects.toMatchObject({ kind: "NotFound" });
  });

  asRoot("a volume outlives containers, not its `await using`", async () => {
    await using r = await aRunt();
    {
      await using volume = await r.runt.volumes.create();
      const mounts = [`${volume.name}:/v`];
      await r.runt.run("bb", { ...sh("echo kept > /v/file"), mounts });
      expect(readFileSync(join(volume.path, "file"), "utf8")).toBe("kept\n");
      expect((await r.runt.run("bb", { ...sh("cat /v/file"), mounts })).stdout).toBe("kept\n");
      const readOnly = { type: "volume", name: volume.name, destination: "/v", readOnly: true } as const;
      expect(await r.runt.run("bb", { ...sh("touch /v/no"), mounts: [readOnly] })).toMatchObject({
        exitCode: 1,
      });
      expect((await r.runt.volumes.list()).map(({ Name }) => Name)).toEqual([volume.name]);
    }
    expect(await r.runt.volumes.list()).toEqual([]);
  });

  asRoot("images have names, and are gone when nobody needs them", async () => {
    await using r = await aRunt();
    expect((await r.runt.images.list())[0]!.names).toEqual(["docker.io/library/bb:latest"]);
    await r.runt.images.tag("bb", "other");
    expect(await r.runt.images.has("other")).toBe(true);
    await r.runt.images.remove("other");
    expect(await r.runt.images.has("other")).toBe(false);
    await using _c = await r.runt.create("bb");
    await expect(r.runt.images.remove("bb")).rejects.toMatchObject({ kind: "FailedPrecondition" });
  });
});

describe("pull", () => {
  asRoot("tells how it goes on, and ends when it is asked to", async () => {
    await using registry = await startRegistry();
    await using r = await aRunt();
    const name = `${registry.domain}/bb:1`;
    await r.runt.images.tag("bb", name);
    const store = await r.runt.engine.images();
    await store.push(name);
    await r.runt.images.remove(name);
    await r.runt.images.remove("bb");
    await expect(r.runt.pull(name, { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    expect(await r.runt.images.has(name)).toBe(false);
    const told: string[] = [];
    const onProgress: ContainerOptions["onProgress"] = ({ type }) => told.push(type);
    expect((await r.runt.run(name, { ...sh("echo pulled"), onProgress })).stdout).toBe("pulled\n");
    expect(told.slice(0, 3)).toEqual(["trying", "resolved", "layers"]);
    expect((await r.runt.pull(name)).name).toBe(name);
    await expect(r.runt.pull(`${registry.domain}/none`)).rejects.toMatchObject({ kind: "NotFound" });
  });
});
