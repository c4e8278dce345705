/** An engine of a test's own: roots in temporary directories, an image of busybox, and its exit command. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, type EngineOptions } from "../../src/engine/engine.ts";
import { parseLogLine } from "../../src/engine/monitor/log-line.ts";
import type { ContainerRequest } from "../../src/engine/request.ts";
import { type RequestChanges, requestOf } from "../../src/engine/request-defaults.ts";
import { deleteTree } from "../../src/image/snapshot/aside.ts";
import { hasCode } from "../../src/linux/system-error.ts";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import { testPrefix } from "../support/bundle.ts";
import { eventually } from "../support/container.ts";
import { ended } from "../support/processes.ts";
import { Script } from "../support/script.ts";

export { ended, processesOf } from "../support/processes.ts";

/** What a process of its own runs: `script ROOT RUNROOT verb …`. */
const program = `
  import { Engine } from "./src/engine/engine.ts";
  import { requestOf } from "./src/engine/request-defaults.ts";
  const [root, runRoot, verb, ...args] = process.argv.slice(2);
  const engine = await Engine.open({
    root,
    runRoot,
    afterExit: (id) => ({ argv: [process.execPath, process.argv[1], root, runRoot, "after-exit", id], env: ["PATH=/bin:/usr/bin"] }),
  });
  try {
    switch (verb) {
      case "after-exit":
        await engine.afterExit(args[0]);
        break;
      case "run": {
        const { detach, ...changes } = JSON.parse(args[0]);
        const started = await engine.run(requestOf(changes), { attend: !detach, waiting: "blocking" });
        console.log(started.record.id);
        process.exitCode = detach ? 0 : await started.finish();
        break;
      }
      case "rm":
        await engine.remove(args[0], { force: args[1] === "force" });
        break;
      case "start":
        await engine.start(args[0]);
        break;
      case "stop":
        await engine.stop(args[0]);
        break;
    }
  } catch (error) {
    console.error(error.kind + ": " + error.message);
    process.exitCode = 125;
  }
  process.exit();`;

let script: Script | undefined;
let archive: string | undefined;

/** Once for a file, in `beforeAll`: it takes a while. */
export function prepareEngines(): void {
  script = new Script(program);
  archive = makeArchive();
}

export function forgetEngines(): void {
  script?.[Symbol.dispose]();
  if (archive) rmSync(archive);
}

/** The archive that images of tests are made of, once there are engines. */
export function archivePath(): string {
  return archive!;
}

const applets =
  "sh cat ls sleep true false echo id env pwd touch mkdir stat kill ps hostname test grep head wc mount df readlink trap dd ln rm date sync find";

/** A small root file system, with a directory that is somebody's, for volumes. */
function makeArchive(): string {
  const directory = mkdtempSync(join(tmpdir(), `${testPrefix}-image-`));
  try {
    for (const name of ["bin", "etc", "proc", "sys", "dev", "tmp", "data/sub", "home/alice"])
      mkdirSync(join(directory, name), { recursive: true });
    copyFileSync("/bin/busybox", join(directory, "bin/busybox"));
    for (const name of applets.split(" ")) symlinkSync("busybox", join(directory, "bin", name));
    writeFileSync(
      join(directory, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001:Alice:/home/alice:/bin/sh\n",
    );
    writeFileSync(join(directory, "etc/group"), "root:x:0:\nalice:x:1001:\nwheel:x:10:alice\nvideo:x:44:\n");
    writeFileSync(join(directory, "data/file"), "from the image\n");
    writeFileSync(join(directory, "data/sub/deep"), "deep\n", { mode: 0o600 });
    symlinkSync("sub/deep", join(directory, "data/link"));
    writeFileSync(join(directory, "noexec"), "#!/bin/sh\n", { mode: 0o644 });
    execFileSync("chown", ["-R", "12:34", join(directory, "data")]);
    chmodSync(join(directory, "data"), 0o2750);
    chmodSync(join(directory, "tmp"), 0o1777);
    const path = `${directory}.tar`;
    execFileSync("tar", ["-C", directory, "-cf", path, "."]);
    return path;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A command of a process of its own. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
}

export class TestEngine implements AsyncDisposable {
  readonly engine: Engine;
  readonly directory: string;
  readonly root: string;
  readonly runRoot: string;
  readonly log: string[] = [];

  private constructor(engine: Engine, directory: string, log: string[]) {
    this.engine = engine;
    this.directory = directory;
    this.root = join(directory, "root");
    this.runRoot = join(directory, "run");
    this.log = log;
  }

  static async open(options: Partial<EngineOptions> = {}): Promise<TestEngine> {
    const directory = mkdtempSync(join(tmpdir(), `${testPrefix}-engine-`));
    const [root, runRoot] = [join(directory, "root"), join(directory, "run")];
    const log: string[] = [];
    const engine = await Engine.open({
      root,
      runRoot,
      log: (level, message) => {
        if (level !== "debug") log.push(`${level}: ${message}`);
      },
      afterExit: (id) => ({
        argv: [process.execPath, script!.path, root, runRoot, "after-exit", id],
        env: ["PATH=/bin:/usr/bin"],
      }),
      ...options,
    });
    await (await engine.images()).import(archive!, "bb", {
      changes: ["CMD true", "ENV FROM=image", "LABEL from=image"],
    });
    return new TestEngine(engine, directory, log);
  }

  /** Another one on the same roots, as another process would have. The caller's. */
  again(options: Partial<EngineOptions> = {}): Promise<Engine> {
    const { root, runRoot } = this;
    return Engine.open({ root, runRoot, afterExit: "none", ...options });
  }

  /** For `spawn`. */
  command(verb: string, ...args: readonly string[]): Command {
    return {
      argv: [process.execPath, script!.path, this.root, this.runRoot, verb, ...args],
      env: { PATH: "/bin:/usr/bin" },
    };
  }

  request(changes: RequestChanges = {}): ContainerRequest {
    return requestOf({ image: "bb", ...changes, network: { mode: "none", ...changes.network } });
  }

  /** A container whose shell runs `text`. */
  script(text: string, changes: RequestChanges = {}): ContainerRequest {
    return this.request({ command: ["sh", "-c", text], ...changes });
  }

  /** Runs one to its end, and removes it. */
  async output(request: ContainerRequest): Promise<{
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
    readonly id: string;
  }> {
    const started = await this.engine.run(request, {
      attach: { stdout: true, stderr: true, whenSlow: "wait" },
      attend: true,
    });
    const texts = Promise.all([textOf(started.attachment!.stdout), textOf(started.attachment!.stderr)]);
    await started.attachment!.exited;
    const [stdout, stderr] = await texts;
    const code = await started.finish();
    if (!request.autoRemove) await this.engine.remove(started.record.id, { volumes: true });
    return { code, stdout, stderr, id: started.record.id };
  }

  /** Starts one that stays. */
  async running(
    request: ContainerRequest = this.script("trap 'exit 0' TERM; while :; do sleep 0.1; done"),
  ): Promise<string> {
    const { id } = await this.engine.create(request);
    using _started = await this.engine.start(id);
    return id;
  }

  async status(text: string): Promise<string> {
    const rows = await this.engine.list({ all: true });
    return rows.find(({ id, name }) => id === text || name === text)?.status ?? "gone";
  }

  async becomes(text: string, wanted: string): Promise<void> {
    let status = "";
    const ask = async () => {
      status = await this.status(text);
      return status === wanted || undefined;
    };
    await eventually(ask, wanted).catch((cause) => {
      throw new Error(`${text} is ${status}, not ${wanted}: ${this.errors(text)}`, { cause });
    });
  }

  /** What the exit command said. */
  errors(text: string): string {
    const path = join(this.root, "containers", text, "errors");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Its log as text. */
  logged(id: string): string {
    const path = join(this.root, "containers", id, "log");
    let bytes: Buffer;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      // Not yet, or renamed at this moment for the next one.
      if (hasCode(error, "ENOENT")) return "";
      throw error;
    }
    const lines = bytes.toString("latin1").split("\n");
    return lines
      .flatMap((line) => parseLogLine(Buffer.from(line, "latin1"))?.content.toString() ?? [])
      .join("\n");
  }

  /** Waits until its log has that. */
  async said(id: string, text: string): Promise<void> {
    await eventually(() => (this.logged(id).includes(text) ? true : undefined), `${text} in the log`);
  }

  /** What is left of containers: directories, state of the runtime, cgroups. */
  remains(): string[] {
    const names = (path: string, what: string): string[] =>
      existsSync(path)
        ? readdirSync(path)
            .filter((name) => name !== ".shm")
            .map((name) => `${what} ${name}`)
        : [];
    return [
      ...names(join(this.root, "containers"), "directory"),
      ...names(this.runRoot, "state"),
      ...this.cgroups().map((id) => `cgroup ${id}`),
    ];
  }

  readonly #ids = new Set<string>();

  /** Of containers that this engine has had. */
  cgroups(): string[] {
    for (const { actor, type } of this.engine.context.store.events.after(0))
      if (type === "container") this.#ids.add(actor);
    return [...this.#ids].filter((id) => existsSync(join(hierarchy().mountPoint, "runt", id)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { id } of await this.engine.list({ all: true })) {
      await this.engine.remove(id, { force: true, volumes: true }).catch((error) => {
        if (error.kind !== "NotFound") throw error;
      });
    }
    await ended(this.directory);
    this.engine[Symbol.dispose]();
    await deleteTree(this.directory);
  }
}

async function textOf(stream: AsyncIterable<Buffer> | null): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream ?? []) parts.push(part);
  return Buffer.concat(parts).toString();
}
