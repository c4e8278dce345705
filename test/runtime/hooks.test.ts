import { existsSync, mkdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runHook } from "../../src/runtime/hooks/run-hook.ts";
import * as runtime from "../../src/runtime/index.ts";
import type { Hook } from "../../src/spec/runtime/hooks.ts";
import { aBundle, type Bundle, freshName, type Json } from "../support/bundle.ts";
import { aContainer, aContext, stateRoot } from "../support/container.ts";
import { asRoot, ownNamespace } from "../support/needs.ts";

const names = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
type Name = (typeof names)[number];

/** A directory that host and container have at the same path, so that every hook can write to it. */
function logDirectory(bundle: Bundle): string {
  return join(bundle.directory, "log");
}

function shell(script: string): Json {
  return { path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/bin:/usr/bin"] };
}

/** A bundle whose container pauses; `hooks` are made with the log directory. */
async function hooked(hooks: (log: string) => Json, changes: Json = {}): Promise<Bundle> {
  const bundle = await aBundle({ process: { args: ["/probe", "--pause"] }, ...changes });
  const log = logDirectory(bundle);
  mkdirSync(log);
  bundle.config.mounts.push({ destination: log, type: "bind", source: log, options: ["bind"] });
  bundle.config.hooks = hooks(log);
  bundle.write();
  return bundle;
}

/** Every hook leaves its state and its namespaces as `<name>.json` and `<name>.mnt`, and its name in `order`. */
function recorders(log: string): Json {
  return Object.fromEntries(
    names.map((name) => [
      name,
      [
        shell(
          `cat > ${log}/${name}.json; readlink /proc/self/ns/mnt > ${log}/${name}.mnt; readlink /proc/self/ns/pid > ${log}/${name}.pid; pwd > ${log}/${name}.cwd; echo ${name} >> ${log}/order`,
        ),
        shell(`echo ${name}2 >> ${log}/order`),
      ],
    ]),
  );
}

const read = (bundle: Bundle, file: string): string => readFileSync(join(logDirectory(bundle), file), "utf8");
const order = (bundle: Bundle): string[] =>
  existsSync(join(logDirectory(bundle), "order")) ? read(bundle, "order").trim().split("\n") : [];
const stateOf = (bundle: Bundle, name: Name): Json => JSON.parse(read(bundle, `${name}.json`));

describe("hooks — runtime-spec config.md#posix-platform-hooks", () => {
  asRoot("run in their order, each list in its own, at create, start and delete", async () => {
    await using bundle = await hooked(recorders);
    await using c = await aContainer({ bundle, status: "created" });
    expect(order(bundle)).toEqual([
      "prestart",
      "prestart2",
      "createRuntime",
      "createRuntime2",
      "createContainer",
      "createContainer2",
    ]);
    await c.start();
    expect(order(bundle).slice(6)).toEqual(["startContainer", "startContainer2", "poststart", "poststart2"]);
    await c.delete(true);
    expect(order(bundle).slice(10)).toEqual(["poststop", "poststop2"]);
  });

  asRoot("each gets the state on its stdin", async () => {
    await using bundle = await hooked(recorders, { annotations: { "com.example.key": 'a "value"' } });
    const id = freshName();
    const c = await aContainer({ bundle, id });
    const { pid } = c;
    await c[Symbol.asyncDispose]();
    const expected: Record<Name, Json> = {
      prestart: { status: "creating", pid },
      createRuntime: { status: "creating", pid },
      createContainer: { status: "creating", pid: 1 },
      startContainer: { status: "created", pid: 1 },
      poststart: { status: "running", pid },
      poststop: { status: "stopped" },
    };
    for (const name of names) {
      expect({ name, ...stateOf(bundle, name) }).toMatchObject({
        name,
        ociVersion: "1.2.0",
        id,
        bundle: bundle.path,
        annotations: { "com.example.key": 'a "value"' },
        ...expected[name],
      });
    }
  });

  asRoot("run in the runtime's namespaces, or in the container's", async () => {
    await using bundle = await hooked(recorders);
    await using c = await aContainer({ bundle });
    const inside = readlinkSync(`/proc/${c.pid}/ns/mnt`);
    for (const name of ["prestart", "createRuntime", "poststart"]) {
      expect(read(bundle, `${name}.mnt`).trim()).toBe(ownNamespace("mnt"));
      expect(read(bundle, `${name}.pid`).trim()).toBe(ownNamespace("pid"));
    }
    for (const name of ["createContainer", "startContainer"])
      expect(read(bundle, `${name}.mnt`).trim()).toBe(inside);
  });

  asRoot(
    "createContainer: paths of the host, before the root is changed, after its mounts are made",
    async () => {
      await using bundle = await hooked((log) => ({
        createContainer: [shell(`ls / > ${log}/ls; cat /proc/self/mountinfo > ${log}/mounts`)],
      }));
      await using c = await aContainer({ bundle });
      expect(read(bundle, "ls").split("\n")).toEqual(expect.arrayContaining(["usr", "etc"]));
      expect(read(bundle, "mounts")).toContain(`${bundle.rootfs}/dev `);
      expect(c.status).toBe("running");
    },
  );

  asRoot("startContainer: the program is looked for in the container, which is complete", async () => {
    await using bundle = await hooked((log) => ({
      startContainer: [{ path: "/bin/sh", args: ["sh", "-c", `ls / > ${log}/ls`], env: ["PATH=/bin"] }],
    }));
    await using _c = await aContainer({ bundle });
    expect(read(bundle, "ls")).toContain("probe");
    expect(read(bundle, "ls")).not.toContain("usr");
  });

  asRoot("createRuntime can reach the namespaces of init by its pid", async () => {
    await using bundle = await hooked((log) => ({
      createRuntime: [
        shell(`pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); readlink /proc/$pid/ns/net > ${log}/net`),
      ],
    }));
    await using c = await aContainer({ bundle });
    expect(read(bundle, "net").trim()).toBe(readlinkSync(`/proc/${c.pid}/ns/net`));
  });

  for (const name of ["createRuntime", "createContainer", "startContainer"] as const) {
    asRoot(`${name}: args as given, argv[0] too, and nothing in the environment but env`, async () => {
      await using bundle = await hooked((log) => ({
        [name]: [
          {
            path: "/bin/busybox",
            args: [
              "sh",
              "-c",
              `/bin/busybox tr '\\0' '\\n' < /proc/self/environ > ${log}/env; echo "$0 $1" > ${log}/argv`,
              "zero",
              "one",
            ],
            env: ["A=1", "B=two words"],
          },
        ],
      }));
      await using _c = await aContainer({ bundle });
      expect(read(bundle, "env").trim().split("\n").sort()).toEqual(["A=1", "B=two words"]);
      expect(read(bundle, "argv").trim()).toBe("zero one");
    });
  }

  asRoot("createRuntime without env has an empty environment", async () => {
    process.env.RUNT_TEST_SECRET = "secret";
    try {
      await using bundle = await hooked((log) => ({
        createRuntime: [
          {
            path: "/bin/busybox",
            args: ["sh", "-c", `/bin/busybox tr '\\0' '\\n' < /proc/self/environ > ${log}/env`],
          },
        ],
      }));
      await using _c = await aContainer({ bundle });
      expect(read(bundle, "env")).toBe("");
    } finally {
      delete process.env.RUNT_TEST_SECRET;
    }
  });

  asRoot("one that does not read its state is no problem", async () => {
    await using bundle = await hooked(() =>
      Object.fromEntries(names.map((name) => [name, [{ path: "/bin/true" }]])),
    );
    await using c = await aContainer({ bundle });
    expect(c.status).toBe("running");
  });

  asRoot("one that leaves a process with its pipes behind does not keep us", async () => {
    await using bundle = await hooked((log) => ({
      createRuntime: [shell(`sleep 60 & echo $! > ${log}/pid`)],
    }));
    const before = performance.now();
    await using _c = await aContainer({ bundle });
    process.kill(Number(read(bundle, "pid")), "SIGKILL");
    expect(performance.now() - before).toBeLessThan(process.env.RUNT_VM ? 50_000 : 20_000);
  });
});

/** What is left of a container whose verb failed. */
function leftovers(id: string, bundle: Bundle): { state: boolean; poststop: boolean } {
  return { state: existsSync(join(stateRoot, id)), poststop: order(bundle).includes("poststop") };
}

describe("a hook that fails — runtime-spec runtime.md#lifecycle", () => {
  for (const name of ["prestart", "createRuntime", "createContainer"] as const) {
    asRoot(`${name}: create fails with its output, nothing is left, poststop is run`, async () => {
      await using bundle = await hooked((log) => ({
        [name]: [
          { path: "/bin/true" },
          shell("echo first line; echo why >&2; exit 3"),
          shell(`echo never >> ${log}/order`),
        ],
        poststop: [shell(`echo poststop >> ${log}/order`)],
      }));
      const id = freshName();
      const create = runtime.create(aContext(), id, { bundle: bundle.path });
      await expect(create).rejects.toMatchObject({
        name: "RuntError",
        kind: expect.stringMatching(/FailedPrecondition|Internal/),
      });
      const error = (await create.catch((cause: Error) => cause)) as Error;
      expect(error.message).toMatch(new RegExp(`error running ${name} hook #1: .*exit status 3.*why`));
      expect(leftovers(id, bundle)).toEqual({ state: false, poststop: true });
      expect(order(bundle)).not.toContain("never");
    });
  }

  asRoot("startContainer: start fails, the container is stopped and can be deleted", async () => {
    await using bundle = await hooked(() => ({ startContainer: [shell("echo because >&2; exit 9")] }));
    await using c = await aContainer({ bundle, status: "created" });
    const error = (await c.start().catch((cause: Error) => cause)) as Error;
    expect(error).toMatchObject({ name: "RuntError", site: { operation: "start" } });
    expect(error.message).toMatch(/error running startContainer hook.*because/);
    await c.becomes("stopped");
    await c.delete();
    expect(c.stdout).toBe("");
  });

  asRoot("poststart: start fails, and the container does not outlive it", async () => {
    await using bundle = await hooked(() => ({ poststart: [shell("exit 1")] }));
    await using c = await aContainer({ bundle, status: "created" });
    await expect(c.start()).rejects.toMatchObject({
      message: expect.stringMatching(/error running poststart hook #0/),
    });
    await c.becomes("stopped");
  });

  asRoot("poststop: delete succeeds with a warning, and the later ones are run", async () => {
    await using bundle = await hooked((log) => ({
      poststop: [shell("exit 1"), shell(`echo later >> ${log}/order`)],
    }));
    await using c = await aContainer({ bundle });
    await c.delete(true);
    expect(existsSync(c.directory)).toBe(false);
    expect(c.log.join("\n")).toMatch(/warning: error running poststop hook #0/);
    expect(order(bundle)).toEqual(["later"]);
  });

  for (const name of ["createRuntime", "createContainer", "startContainer"] as const) {
    asRoot(
      `${name} beyond its timeout is killed, and has failed`,
      async () => {
        await using bundle = await hooked(() => ({ [name]: [{ ...shell("sleep 60"), timeout: 1 }] }));
        await using c = await aContainer({ bundle, status: "created" }).catch((error: Error) => ({
          error,
          async [Symbol.asyncDispose]() {},
        }));
        const error = "error" in c ? c.error : ((await c.start().catch((cause: Error) => cause)) as Error);
        expect(error.message).toMatch(new RegExp(`error running ${name} hook.*(timed out|timeout)`));
      },
      120_000,
    );
  }

  asRoot("a program that is not there", async () => {
    await using bundle = await hooked(() => ({ createRuntime: [{ path: "/no/such/hook" }] }));
    await expect(runtime.create(aContext(), freshName(), { bundle: bundle.path })).rejects.toMatchObject({
      message: expect.stringMatching(/error running createRuntime hook #0: .*no such file or directory/),
      site: { path: "/no/such/hook" },
    });
  });

  asRoot("a relative path, a timeout of zero: InvalidArgument", async () => {
    for (const hook of [{ path: "hook" }, { path: "/bin/true", timeout: 0 }]) {
      await using bundle = await hooked(() => ({ createRuntime: [hook] }));
      await expect(runtime.create(aContext(), freshName(), { bundle: bundle.path })).rejects.toMatchObject({
        kind: "InvalidArgument",
        message: expect.stringMatching(/hooks\.createRuntime\[0\]/),
      });
    }
  });
});

describe("a hook that is waited for", () => {
  const slow = { path: "/bin/sleep", args: ["sleep", "1000"] } as Hook;

  test("ends with the abort, and does not begin after one", async () => {
    const stop = new AbortController();
    const began = runHook("createRuntime", 0, slow, {}, stop.signal);
    stop.abort(new Error("enough"));
    await expect(began).rejects.toThrow("enough");
    await expect(runHook("createRuntime", 0, slow, {}, stop.signal)).rejects.toThrow("enough");
  });
});
