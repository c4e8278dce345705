import { afterAll, afterEach, describe, expect } from "vitest";
import { freshName } from "../support/bundle.ts";
import { needs } from "../support/needs.ts";
import { Buildah } from "./support/buildah.ts";
import { talk, talking } from "./support/command.ts";
import { greedy } from "./support/image.ts";

const asEngine = needs("root", "cgroup2", "program:buildah");
const asEngineOnHost = needs("root", "cgroup2", "real processor", "program:buildah");
const asEngineWithLimits = needs("root", "program:buildah", "memory controller");

let opening: Promise<Buildah> | undefined;
/** The engine, made by the first test that is not skipped. */
function opened(): Promise<Buildah> {
  opening ??= Buildah.open();
  return opening;
}
afterEach(async () => {
  const buildah = await opening;
  if (buildah) expect(await buildah.room.leftovers(), "left behind by this test").toEqual([]);
});
afterAll(async () => (await opening)?.room[Symbol.asyncDispose]());

describe("buildah run", () => {
  asEngine("input, output, errors and exit status of a program", async () => {
    const buildah = await opened();
    const outcome = await buildah.run(["sh", "-c", "cat; echo wrong >&2; exit 3"], "from outside\n");
    expect(outcome).toMatchObject({ status: 3, stdout: "from outside\n" });
    expect(outcome.stderr).toContain("wrong\n");
  });

  for (const [program, message] of [
    ["/plain", /create failed: .*exec.*\/plain.*: permission denied/],
    ["no-such-program", /create failed: .*"no-such-program\\*": executable file not found in \$PATH/],
  ] as const) {
    asEngineOnHost(`${program}: the runtime's message`, async () => {
      const buildah = await opened();
      const outcome = await buildah.run([program]);
      expect(outcome).toMatchObject({ status: 1, stdout: "" });
      expect(outcome.stderr).toMatch(message);
    });
  }

  asEngine("a terminal: its size, what is typed, and exit status 0", async () => {
    const buildah = await opened();
    const outcome = await buildah.terminal(["sh", "-c", `tty; ${talking}`], talk, "--tty");
    expect(outcome.status, outcome.stdout).toBe(0);
    expect(outcome.stdout).toContain("/dev/pts/0\n");
    expect(outcome.stdout).toContain("got hello\n");
  });

  asEngineOnHost("interrupted: the container is killed", async () => {
    const buildah = await opened();
    const forever = ["sh", "-c", "echo up; while :; do sleep 0.1; done"];
    const outcome = await buildah.terminal(forever, [[/^up\r/m, "\x03"]]);
    expect(outcome.stdout).toContain("up\n");
    expect(outcome.status).toBe(130);
  });
});

describe("buildah build", () => {
  asEngineOnHost("what RUN writes is in the next step, and a step that fails ends the build", async () => {
    const buildah = await opened();
    const text = "RUN echo made >/made\nRUN cat /made && exit 3\nRUN echo never\n";
    const { status, stdout, stderr } = await buildah.build(text, "localhost/built");
    expect(status).not.toBe(0);
    expect(stderr).toContain("exit status 3");
    expect(stdout).toMatch(/^made$/m);
    expect(stdout).not.toMatch(/^never$/m);
  });
});

describe("buildah: limits", () => {
  asEngineWithLimits("are in the kernel, and exceeding them ends in 137", async () => {
    const buildah = await opened();
    const limited = freshName();
    await buildah.from(limited, "--memory=32m", "--memory-swap=32m");
    const script = `cat /sys/fs/cgroup/memory.max; ${greedy.at(-1)}`;
    const outcome = await buildah.run(["sh", "-c", script], "", limited);
    expect(outcome).toMatchObject({ status: 137, stdout: `${32 << 20}\n` });
  });
});
