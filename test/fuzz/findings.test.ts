/** What fuzzing has found, one by one. */
import { readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createContainer } from "../../src/runtime/library/container.ts";
import { missing, runtime, Sandbox } from "../safety/containers.ts";
import { wordingProblem } from "./wording.ts";

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox[Symbol.asyncDispose]());

describe.skipIf(missing)("found by mutations", () => {
  for (const errno of [38, 4, 11, 0]) {
    test(`a filter that answers every call with errno ${errno}, exit_group too: create fails, and does not wait for ever`, async () => {
      sandbox.config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ERRNO",
        defaultErrnoRet: errno,
        syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ALLOW" }],
      };
      expect(await sandbox.refusal()).toMatchObject({
        name: "RuntError",
        message: expect.stringContaining("init ended before it was ready"),
        site: { subject: "config.json: linux.seccomp" },
      });
    });
  }

  const paths: Record<string, () => void> = {
    "root.path": () => {
      sandbox.config.root.path = "a\nb";
    },
    "hooks.createRuntime[0]": () => {
      sandbox.config.hooks = { createRuntime: [{ path: "/missing\nline\t\u001b[31m" }] };
    },
    "mounts[3]": () => {
      sandbox.config.mounts.push({
        destination: "/x",
        type: "bind",
        source: "/missing\u2028line",
        options: ["bind"],
      });
    },
    "process.args": () => {
      sandbox.config.process.args = ["/missing\nprogram"];
    },
  };
  for (const [place, change] of Object.entries(paths)) {
    test(`a line break in ${place}: the error is one line all the same`, async () => {
      change();
      const error = await sandbox.refusal();
      expect(error).toMatchObject({ name: "RuntError" });
      expect(wordingProblem(error), error.message).toBeUndefined();
    });
  }

  test("a hook may have a limit of years", async () => {
    const hook = { path: "/bin/sleep", args: ["sleep", "0.1"], timeout: 2 ** 31 };
    sandbox.config.hooks = { createRuntime: [hook], createContainer: [hook] };
    expect(await sandbox.run()).toMatchObject({ status: { exited: 0 } });
  });

  test("an ID that no directory can have is refused, and not repeated in full", async () => {
    for (const id of ["x".repeat(256), "x".repeat(5000)]) {
      const error = await runtime.kill(sandbox.context, id, 9, { all: false }).catch((reason) => reason);
      expect(error).toMatchObject({ name: "RuntError", kind: "InvalidArgument" });
      expect(error.message).toMatch(/^invalid container ID format: /);
      expect(error.message.length).toBeLessThan(200);
    }
  });
});

const open = (): number => readdirSync("/proc/self/fd").length;
/** Streams are closed a turn later. */
const aMoment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

describe.skipIf(missing)("found by endurance", () => {
  test("a container of the library with a terminal leaves no fd open", async () => {
    sandbox.config.process.terminal = true;
    sandbox.write();
    const one = async (): Promise<void> => {
      await using container = await createContainer({ bundle: sandbox.bundle, root: sandbox.root });
      await container.start();
      container.stdout?.resume();
      await container.wait();
    };
    await one();
    await aMoment();
    const before = open();
    for (let i = 0; i < 5; i++) await one();
    await expect.poll(open).toBeLessThanOrEqual(before);
  });

  test("create, as the command line does it, leaves no fd open in a process that goes on", async () => {
    const { id } = await sandbox.create();
    await runtime.deleteContainer(sandbox.context, id, { force: true });
    const before = open();
    for (let i = 0; i < 5; i++) {
      const made = await sandbox.create();
      await runtime.deleteContainer(sandbox.context, made.id, { force: true });
    }
    await expect.poll(open).toBeLessThanOrEqual(before);
  });
});
