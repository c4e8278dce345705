/** Carries a case out with one runtime, and tells what was seen. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { aBundle, type Bundle, freshName, type Json } from "../support/bundle.ts";
import { Receiver } from "../support/sockets.ts";
import type { Case } from "./case.ts";
import type { Lane, Runtime } from "./runtimes.ts";
import { type Names, neutral, seen } from "./view.ts";

/** One step as it went. */
export interface StepSeen {
  /** Exit status; 128+n for a signal, as a shell has it. */
  readonly status: number;
  readonly stdout: Json;
  /** Whether there was anything; wording is everybody's own. */
  readonly stderr: "nothing" | "something";
  /** Whether the words that callers look for are there. */
  readonly says?: boolean;
}

/** All that was seen: steps by their own text, then what is left when nobody has cleaned up. */
export interface Observation {
  readonly steps: Readonly<Record<string, StepSeen>>;
  readonly left: readonly string[];
  /** The errors in their own words, for a reader; not compared. */
  readonly errors: readonly string[];
}

const patienceMs = process.env.RUNT_VM ? 120_000 : 20_000;
/** For a state that a container may never come to. */
const waitMs = patienceMs / 4;

/** Everything of one run. */
class Run implements AsyncDisposable {
  readonly #case: Case;
  readonly #runtime: Runtime;
  readonly #lane: Lane;
  readonly #bundle: Bundle;
  readonly #names: Names;
  readonly #extra: Disposable[] = [];
  #output = "";
  #terminal: Promise<string> | undefined;
  #console: Receiver | undefined;
  #count = 0;

  constructor(one: Case, runtime: Runtime, lane: Lane, bundle: Bundle) {
    this.#case = one;
    this.#runtime = runtime;
    this.#lane = lane;
    this.#bundle = bundle;
    this.#names = { id: freshName(), directory: bundle.directory, root: join(bundle.directory, "root") };
    for (const [name, content] of Object.entries(one.beside ?? {})) {
      const path = join(bundle.directory, name);
      mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
      if (!name.endsWith("/")) writeFileSync(path, content);
    }
    bundle.config.linux.cgroupsPath = one.config?.linux?.cgroupsPath ?? "/@ID@";
    if ("cgroupsPath" in (one.config?.linux ?? {}) && one.config.linux.cgroupsPath === undefined)
      delete bundle.config.linux.cgroupsPath;
    // Left out, they are all of the host's to one runtime, and none to another; that is a case of its own.
    if (!("capabilities" in (one.config?.process ?? {})))
      bundle.config.process.capabilities = { bounding: [], effective: [], permitted: [] };
    // crun asks for a version that it knows.
    if (!("ociVersion" in (one.config ?? {}))) bundle.config.ociVersion = "1.0.2";
    if (one.paths) bundle.config.process.args = ["/probe", ...one.paths];
    writeFileSync(join(bundle.path, "config.json"), this.#filled(JSON.stringify(bundle.config)));
  }

  #filled(text: string): string {
    return text
      .replaceAll("@ID@", this.#names.id)
      .replaceAll("@DIR@", this.#names.directory)
      .replaceAll("@NS@", this.#lane.namespaces);
  }

  async observe(): Promise<Observation> {
    const steps: Record<string, StepSeen> = {};
    const errors: string[] = [];
    for (const step of this.#case.steps ?? ["run @"]) {
      const text = typeof step === "string" ? step : step.join(" ");
      const words = typeof step === "string" ? step.split(" ") : step;
      const { status, stdout, stderr } = await this.#step(words.map((word) => this.#filled(word)));
      let key = text;
      for (let n = 2; key in steps; n++) key = `${text} (${n})`;
      const isOurs = !/^(sh|wait|output)\b/.test(text);
      if (isOurs && status !== 0 && stderr !== "") errors.push(neutral(stderr.trim(), this.#names));
      steps[key] = {
        status,
        stdout: seen(stdout, this.#names, this.#case.as),
        stderr: stderr === "" ? "nothing" : "something",
        ...(isOurs && status !== 0 && this.#case.says ? { says: stderr.includes(this.#case.says) } : {}),
      };
    }
    return { steps, left: this.#left(), errors };
  }

  async #step([verb = "", ...rest]: readonly string[]): Promise<{
    status: number;
    stdout: string;
    stderr: string;
  }> {
    if (verb === "wait") return { status: await this.#waitFor(rest[0]!), stdout: "", stderr: "" };
    if (verb === "output") {
      const terminal = this.#terminal;
      return {
        status: 0,
        stdout: terminal ? await terminal : readFileSync(this.#output, "utf8"),
        stderr: "",
      };
    }
    if (verb === "sh") return this.#command(["sh", "-c", rest.join(" ")], this.#hostEnv());
    const words = rest.map((word) => (word === "@" ? this.#names.id : word));
    const place = words.indexOf("@CONSOLE@");
    if (place >= 0) {
      this.#console = new Receiver();
      this.#extra.push(this.#console);
      words[place] = this.#console.path;
    }
    const bundle = /^(create|run|restore)$/.test(verb) ? ["--bundle", this.#bundle.path] : [];
    const program = [this.#runtime.program, "--root", this.#names.root];
    const global = verb.startsWith("--") ? [verb] : [];
    const command = global.length > 0 ? words.shift()! : verb;
    const result = await this.#command([...program, ...global, command, ...bundle, ...words], {});
    if (verb === "create") this.#output = result.file;
    if (place >= 0 && result.status === 0) this.#terminal = readTerminal(this.#console!, this.#extra);
    return result;
  }

  /** A command in the lane, with files for its output: a pipe would be held open by the container. */
  async #command(
    args: readonly string[],
    env: NodeJS.ProcessEnv,
  ): Promise<{ status: number; stdout: string; stderr: string; file: string }> {
    const base = join(this.#bundle.directory, `step-${this.#count++}`);
    const files = [`${base}.stdout`, `${base}.stderr`] as const;
    const fds = files.map((file) => openSync(file, "a+"));
    // Not the null device: some runtime gives what it finds there to the container's user.
    const empty = join(this.#bundle.directory, "empty.stdout");
    const input = openSync(empty, "a+");
    const [program = "", ...words] = [...this.#lane.prefix(this.#bundle.directory), ...args];
    const child = spawn(program, words, {
      stdio: [input, fds[0]!, fds[1]!],
      env: { PATH: process.env.PATH, ...env },
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    for (const fd of [input, ...fds]) closeSync(fd);
    const [stdout, stderr] = files.map((file) => readFileSync(file, "utf8")) as [string, string];
    if (signal === "SIGKILL") return { status: -1, stdout, stderr: "took too long", file: files[0] };
    return { status: code ?? 128, stdout, stderr, file: files[0] };
  }

  #state(): { status?: string; pid?: number } {
    const command = [this.#runtime.program, "--root", this.#names.root, "state", this.#names.id];
    const [program = "", ...words] = [...this.#lane.prefix("/"), ...command];
    const { stdout } = spawnSync(program, words, { encoding: "utf8" });
    try {
      return JSON.parse(stdout);
    } catch {
      return {};
    }
  }

  async #waitFor(status: string): Promise<number> {
    for (const end = performance.now() + waitMs; performance.now() < end; await sleep(10)) {
      if (this.#state().status === status) return 0;
    }
    return 1;
  }

  #hostEnv(): NodeJS.ProcessEnv {
    const { id, directory, root } = this.#names;
    const cgroup = `/sys/fs/cgroup/${id}`;
    // Never 0: `kill $PID` would be the end of us all.
    const { pid } = this.#state();
    return { ID: id, DIR: directory, ROOT: root, CGROUP: cgroup, PID: pid ? String(pid) : "" };
  }

  /** What there still is of the container: its state, its cgroup, its mounts on the host. */
  #left(): string[] {
    const { id, directory, root } = this.#names;
    const found: string[] = [];
    if (existsSync(join(root, id))) found.push("state");
    if (cgroupsOf(id).length > 0) found.push("cgroup");
    const mounts = spawnSync("nsenter", [...this.#lane.prefix("/").slice(1), "cat", "/proc/self/mountinfo"], {
      encoding: "utf8",
    });
    if (mounts.stdout.includes(directory)) found.push("mount");
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (existsSync(join(this.#names.root, this.#names.id)))
      await this.#command(
        [this.#runtime.program, "--root", this.#names.root, "delete", "--force", this.#names.id],
        {},
      );
    // The last one who had the other side open is dead; an fd that is still read from must not be closed.
    await this.#terminal?.catch(() => {});
    for (const extra of this.#extra) extra[Symbol.dispose]();
    for (const path of cgroupsOf(this.#names.id)) await removeCgroup(path);
    rmSync(this.#names.root, { recursive: true, force: true });
  }
}

/** Cgroups by that name, in every hierarchy: on a host with version 1 too, should a runtime have found it. */
function cgroupsOf(id: string): string[] {
  const top = "/sys/fs/cgroup";
  return [top, ...readdirSync(top).map((name) => join(top, name))]
    .map((directory) => join(directory, id))
    .filter((path) => existsSync(path));
}

async function removeCgroup(path: string): Promise<void> {
  if (existsSync(join(path, "cgroup.kill"))) writeFileSync(join(path, "cgroup.kill"), "1");
  for (let i = 0; i < 100; i++) {
    if (spawnSync("find", [path, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]).status === 0) return;
    await sleep(20);
  }
}

/** Everything that comes out of the terminal that a runtime hands over, until its last writer is gone. */
async function readTerminal(console: Receiver, extra: Disposable[]): Promise<string> {
  const received = await console.receive();
  extra.push(received);
  const fd = received.fd;
  if (!fd) return "no fd came";
  const buffer = Buffer.alloc(65536);
  let text = "";
  for (;;) {
    const n = await new Promise<number>((resolve) =>
      read(fd.n, buffer, 0, buffer.length, null, (error, count) => resolve(error ? -1 : count)),
    );
    // EIO: nobody has the other side open any more.
    if (n <= 0) return text.replaceAll("\r\n", "\n").trim();
    text += buffer.toString("utf8", 0, n);
  }
}

/** What `runtime` makes of a case, in a bundle of its own. */
export async function observe(one: Case, runtime: Runtime, lane: Lane): Promise<Observation> {
  await using bundle = await aBundle(one.config ?? {}, { files: one.files ?? {}, links: one.links ?? {} });
  await using run = new Run(one, runtime, lane, bundle);
  return await run.observe();
}
