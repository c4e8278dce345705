/** The library: containers from a Node program, and nothing left of them. */
import { chmodSync, existsSync, readdirSync, readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { describe, expect } from "vitest";
import { createContainer, exitCode, type RuntError, run } from "../../../src/index.ts";
import { aBundle, freshName, type Json } from "../../support/bundle.ts";
import { stateRoot } from "../../support/container.ts";
import { asRoot } from "../../support/needs.ts";

const shell = (script: string): Json => ({ process: { args: ["sh", "-c", script] } });

async function textOf(stream: Readable | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text += chunk;
  return text;
}

/** Programs that are children of this process. */
function children(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, "latin1")
    .split(" ")
    .filter((pid) => pid !== "")
    .map((pid) => readFileSync(`/proc/${pid}/comm`, "latin1").trim());
}

describe("run", () => {
  asRoot("gives exit status and output", async () => {
    await using bundle = await aBundle(shell("cat; echo problem >&2; exit 3"));
    const result = await run({ bundle: bundle.path, root: stateRoot, input: "given\n" });
    expect(result).toEqual({ status: { exited: 3 }, stdout: "given\n", stderr: "problem\n" });
    expect(exitCode(result.status)).toBe(3);
  });

  asRoot("takes the configuration as a value", async () => {
    await using bundle = await aBundle();
    const config = JSON.parse(readFileSync(`${bundle.path}/config.json`, "utf8"));
    config.process.args = ["echo", "from a value"];
    const { stdout } = await run({ bundle: bundle.path, root: stateRoot, config });
    expect(stdout).toBe("from a value\n");
  });

  asRoot("kills a container that writes without end", async () => {
    await using bundle = await aBundle(shell("while :; do echo again and again; done"));
    const { status, stdout } = await run({ bundle: bundle.path, root: stateRoot, maxOutputBytes: 100_000 });
    expect(status).toEqual({ signaled: "SIGKILL", signal: 9 });
    expect(exitCode(status)).toBe(137);
    expect(stdout.length).toBeLessThanOrEqual(100_000);
  });

  asRoot("ends with its AbortSignal, and leaves nothing", async () => {
    await using bundle = await aBundle(shell("sleep 60"));
    const id = freshName();
    const signal = AbortSignal.timeout(300);
    await expect(run({ bundle: bundle.path, root: stateRoot, id, signal })).rejects.toThrow("timeout");
    expect(existsSync(`${stateRoot}/${id}`)).toBe(false);
  });

  asRoot("of many at once: each gets its own", async () => {
    await using bundle = await aBundle();
    const results = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const config = JSON.parse(readFileSync(`${bundle.path}/config.json`, "utf8"));
        config.process.args = ["sh", "-c", `echo ${i}; exit ${i}`];
        return await run({ bundle: bundle.path, root: stateRoot, config });
      }),
    );
    expect(results.map((result) => result.status)).toEqual(results.map((_, i) => ({ exited: i })));
    expect(results.map((result) => result.stdout)).toEqual(results.map((_, i) => `${i}\n`));
  });
});

describe("createContainer", () => {
  asRoot("starts no other Node: its only child is the shim", async () => {
    await using bundle = await aBundle(shell("sleep 60"));
    await using container = await createContainer({ bundle: bundle.path, root: stateRoot });
    await container.start();
    expect(children().filter((name) => name === "runt-shim")).toHaveLength(1);
    expect(children()).not.toContain("node");
  });

  asRoot("goes through created, running, paused, stopped", async () => {
    await using bundle = await aBundle(shell("sleep 60"));
    await using container = await createContainer({ bundle: bundle.path, root: stateRoot });
    expect(container.state().status).toBe("created");
    await container.start();
    expect(container.state()).toMatchObject({ status: "running", pid: container.pid });
    expect(container.processes()).toContain(container.pid);
    await container.pause();
    expect(container.state().status).toBe("paused");
    await container.resume();
    await container.kill("SIGKILL");
    expect(await container.wait()).toEqual({ signaled: "SIGKILL", signal: 9 });
    expect(container.state().status).toBe("stopped");
  });

  asRoot("wait may be called before start", async () => {
    await using bundle = await aBundle(shell("exit 5"));
    await using container = await createContainer({ bundle: bundle.path, root: stateRoot });
    const exit = container.wait();
    await container.start();
    expect(await exit).toEqual({ exited: 5 });
  });

  asRoot("start says why the program cannot be run", async () => {
    const files = { "etc/not-a-program": "#!/no/such/interpreter\n" };
    await using bundle = await aBundle({ process: { args: ["/etc/not-a-program"] } }, { files });
    chmodSync(`${bundle.rootfs}/etc/not-a-program`, 0o755);
    await using container = await createContainer({ bundle: bundle.path, root: stateRoot });
    await expect(container.start()).rejects.toMatchObject({
      name: "RuntError",
      kind: "NotFound",
      message: "unable to start container process: exec /etc/not-a-program: no such file or directory",
    });
  });

  asRoot("`await using` removes a running container", async () => {
    await using bundle = await aBundle(shell("sleep 60"));
    const id = freshName();
    let pid = 0;
    {
      await using container = await createContainer({ bundle: bundle.path, root: stateRoot, id });
      await container.start();
      pid = container.pid;
    }
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(existsSync(`${stateRoot}/${id}`)).toBe(false);
    expect(children()).not.toContain("runt-shim");
  });

  asRoot("refuses a second container of the same id, and keeps the first", async () => {
    await using bundle = await aBundle(shell("sleep 60"));
    const id = freshName();
    await using first = await createContainer({ bundle: bundle.path, root: stateRoot, id });
    const second = createContainer({ bundle: bundle.path, root: stateRoot, id });
    await expect(second).rejects.toMatchObject({ kind: "AlreadyExists" } satisfies Partial<RuntError>);
    expect(first.state().status).toBe("created");
  });

  asRoot("keeps no fd open when it is over", async () => {
    await using bundle = await aBundle(shell("echo x"));
    const once = () => run({ bundle: bundle.path, root: stateRoot });
    await once(); // what is made once for the process is made now
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 5; i++) await once();
    // Streams are closed a turn later.
    await expect.poll(() => readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before);
  });
});

describe("exec", () => {
  asRoot("gives streams and an exit status of its own", async () => {
    await using bundle = await aBundle(shell("sleep 60"));
    await using container = await createContainer({ bundle: bundle.path, root: stateRoot });
    await container.start();
    await using inside = await container.exec(["sh", "-c", "cat; echo $GREETING; exit 4"], {
      env: ["GREETING=hi"],
    });
    inside.stdin!.end("through stdin\n");
    expect(await textOf(inside.stdout)).toBe("through stdin\nhi\n");
    expect(await inside.wait()).toEqual({ exited: 4 });
    expect(container.state().status).toBe("running");
  });

  asRoot("of a program that is not there: NotFound", async () => {
    await using bundle = await aBundle(shell("sleep 60"));
    await using container = await createContainer({ bundle: bundle.path, root: stateRoot });
    await container.start();
    await expect(container.exec(["nosuch"])).rejects.toMatchObject({ kind: "NotFound" });
  });
});

describe("a terminal", () => {
  asRoot("is stdin and stdout in one, and has a size", async () => {
    await using bundle = await aBundle({ process: { terminal: true, args: ["sh"] } });
    await using container = await createContainer({ bundle: bundle.path, root: stateRoot });
    await container.start();
    container.resize(33, 99);
    const output = textOf(container.stdout);
    container.stdin!.write("busybox stty size; test -t 0 && echo a terminal; exit 3\n");
    expect(await container.wait()).toEqual({ exited: 3 });
    const text = await output;
    expect(text).toContain("33 99\r\n");
    expect(text).toContain("a terminal\r\n");
  });
});
