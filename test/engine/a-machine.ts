/**
 * An engine on a machine of a test's own, with a network that is not this machine's: for what is left when something
 * dies. Each verb is called in a process there; the machine can be started anew, with its disk and nothing else.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ListedContainer } from "../../src/engine/container/ps.ts";
import { type RequestChanges, requestOf } from "../../src/engine/request-defaults.ts";
import { deleteTree } from "../../src/image/snapshot/aside.ts";
import { isAlive, readProcessStat } from "../../src/linux/process.ts";
import { hasCode } from "../../src/linux/system-error.ts";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import { testPrefix } from "../support/bundle.ts";
import { eventually } from "../support/container.ts";
import { RemoteError, TestHost, until } from "../support/network-host.ts";
import { Script } from "../support/script.ts";
import { archivePath, forgetEngines, prepareEngines, processesOf } from "./an-engine.ts";
import type { Strike } from "./strike.ts";

const program = `
  import { createInterface } from "node:readline";
  import { Engine } from "./src/engine/engine.ts";
  import { NetworkStore } from "./src/engine/network/index.ts";
  import { networkContextOf } from "./src/engine/network-modes.ts";
  import { requestOf } from "./src/engine/request-defaults.ts";
  import { arm } from "./test/engine/strike.ts";
  const [root, runRoot, verb, ...args] = process.argv.slice(2);
  const engine = await Engine.open({
    root,
    runRoot,
    afterExit: (id) => ({ argv: [process.execPath, process.argv[1], root, runRoot, "after-exit", id], env: ["PATH=/bin:/usr/bin"] }),
    log: (level, message) => { if (level !== "debug") console.error(level + ": " + message); },
  });
  const networks = async () => new NetworkStore(await networkContextOf(engine.context));
  const call = async (name, args) => {
    switch (name) {
      case "import":
        await (await engine.images()).import(args[0], "bb", {});
        return;
      case "createNetwork":
        return await (await networks()).create(args[0]);
      case "members":
        return (await (await networks()).inspect(args[0])).containers;
      case "start":
        (await engine.start(args[0]))[Symbol.dispose]();
        return;
      case "states":
        return engine.context.store.containers.list().map(({ id, name, status, run }) => ({ id, name, status, run }));
      default:
        return await engine[name](...args);
    }
  };
  try {
    if (verb === "after-exit") await engine.afterExit(args[0]);
    else if (verb === "run") {
      const { strike, ...changes } = JSON.parse(args[0]);
      if (strike) arm({ ...strike, root });
      using started = await engine.run(requestOf(changes), { waiting: "blocking" });
      console.log("ran " + started.record.id);
    } else {
      console.log("ready");
      for await (const line of createInterface({ input: process.stdin })) {
        const { n, name, args } = JSON.parse(line);
        call(name, args).then(
          (value) => console.log(JSON.stringify({ n, value: value ?? null })),
          (error) => console.log(JSON.stringify({ n, error: { message: error.message, kind: error.kind ?? error.name, site: error.site ?? {} } })),
        );
      }
    }
  } catch (error) {
    console.error(error.kind + ": " + error.message);
    process.exitCode = 125;
  }
  process.exit();`;

let script: Script | undefined;

/** Once for a file, in `beforeAll`. */
export function prepareMachines(): void {
  prepareEngines();
  script = new Script(program);
}

export function forgetMachines(): void {
  script?.[Symbol.dispose]();
  forgetEngines();
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container as the database has it. */
export interface Recorded {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly run: {
    readonly init?: { readonly pid: number; readonly startTime: number };
    readonly monitor?: { readonly pid: number; readonly startTime: number };
  };
}

/** Verbs of the engine that tests call, with what they give. */
interface Verbs {
  import(archive: string): null;
  createNetwork(options: { name: string; subnets?: { subnet: string }[]; ipv6?: boolean }): { link: string };
  members(network: string): { id: string; names: string[] }[];
  create(request: object): { id: string };
  start(text: string): null;
  stop(text: string, options?: object): null;
  kill(text: string, signal?: string): null;
  remove(text: string, options?: object): null;
  list(options: object): ListedContainer[];
  inspect(text: string): { State: { Status: string; ExitCode: number; Error: string } };
  states(): Recorded[];
  revive(): string[];
  reconcile(): null;
}

export class Machine implements AsyncDisposable {
  readonly directory: string;
  host: TestHost;
  /** What the engine's process has said that is no answer. */
  said = "";
  #engine: ChildProcess | undefined;
  #count = 0;
  #waiting = new Map<number, PromiseWithResolvers<unknown>>();

  private constructor(directory: string, host: TestHost) {
    this.directory = directory;
    this.host = host;
  }

  /** @param prepare commands of the machine's shell, with ROOT for the engine's root, before there is anything in it */
  static async boot(prepare = ""): Promise<Machine> {
    const directory = mkdtempSync(join(tmpdir(), `${testPrefix}-machine-`));
    const machine = new Machine(directory, await TestHost.make());
    if (prepare) machine.host.sh(`mkdir ${machine.root}; ${prepare.replaceAll("ROOT", machine.root)}`);
    await machine.#start();
    await machine.call("import", archivePath());
    return machine;
  }

  get root(): string {
    return join(this.directory, "root");
  }

  get runRoot(): string {
    return join(this.directory, "run");
  }

  #command(...words: readonly string[]): [string, ...string[]] {
    return [...this.host.entering, process.execPath, script!.path, this.root, this.runRoot, ...words];
  }

  async #start(): Promise<void> {
    const [file, ...args] = this.#command("serve");
    const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#engine = child;
    const ready = Promise.withResolvers<void>();
    child.stderr!.on("data", (text) => (this.said += text));
    createInterface({ input: child.stdout! }).on("line", (line) => {
      if (line === "ready") return ready.resolve();
      const { n, value, error } = JSON.parse(line);
      if (error) this.#waiting.get(n)?.reject(new RemoteError(error));
      else this.#waiting.get(n)?.resolve(value);
      this.#waiting.delete(n);
    });
    child.once("exit", () => {
      const gone = new Error(`the engine's process is gone: ${this.said}`);
      ready.reject(gone);
      for (const { reject } of this.#waiting.values()) reject(gone);
      this.#waiting.clear();
    });
    await ready.promise;
  }

  /** Calls the engine, in a process that stays. */
  call<V extends keyof Verbs>(name: V, ...args: Parameters<Verbs[V]>): Promise<ReturnType<Verbs[V]>> {
    const n = this.#count++;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(n, answer);
    this.#engine!.stdin!.write(`${JSON.stringify({ n, name, args })}\n`);
    return answer.promise as Promise<ReturnType<Verbs[V]>>;
  }

  /** Runs a container in the background, from a process of its own. */
  run(changes: RequestChanges, strike?: Omit<Strike, "root">): Promise<Ended> {
    const [file, ...args] = this.#command("run", JSON.stringify({ image: "bb", ...changes, strike }));
    return new Promise((resolve, reject) => {
      const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
      let [stdout, stderr] = ["", ""];
      child.stdout.on("data", (text) => (stdout += text));
      child.stderr.on("data", (text) => (stderr += text));
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
  }

  /** Creates one that does not run. @returns its ID */
  async create(changes: RequestChanges): Promise<string> {
    return (await this.call("create", requestOf({ image: "bb", ...changes }))).id;
  }

  /** What it is, as `ps` says; "gone" where there is none. */
  async status(text: string): Promise<string> {
    const rows = await this.call("list", { all: true });
    return rows.find(({ id, name }) => id === text || name === text)?.status ?? "gone";
  }

  async becomes(text: string, wanted: string): Promise<void> {
    await eventually(async () => (await this.status(text)) === wanted || undefined, `${text} ${wanted}`);
  }

  /** Removes all containers. */
  async clear(): Promise<void> {
    for (const { id } of await this.call("list", { all: true }))
      await this.call("remove", id, { force: true, volumes: true });
  }

  /** Kills monitors, containers, what else runs for them, and the name responder. */
  async killAll(): Promise<void> {
    const states = await this.call("states");
    const pids = states.flatMap(({ run }) => [run.monitor, run.init]);
    for (const process_ of pids) if (process_) kill(process_.pid);
    // Of those that nobody has noted yet.
    for (const pid of states.flatMap(({ id }) => processesIn(id))) {
      const parent = readProcessStat(pid)?.parent ?? 0;
      for (const each of [parent, pid]) if (each > 1) kill(each);
    }
    for (const pid of [...this.#helpers(), ...this.host.responders()]) kill(pid);
    await until(() => pids.every((one) => !one || !isAlive(one.pid, one.startTime)));
    await until(() => this.#helpers().length === 0 && this.host.responders().length === 0);
  }

  /** Programs that have our directory in their command line, but for the engine that answers us. */
  #helpers(): number[] {
    return processesOf(this.directory).filter((pid) => pid !== this.#engine!.pid);
  }

  /** Everything dies; what is on disk stays. The kernel's part is new, and so is the boot's ID. */
  async reboot(): Promise<void> {
    const ids = (await this.call("states")).map(({ id }) => id);
    await this.killAll();
    await this.#stop();
    await this.host[Symbol.asyncDispose]();
    await deleteTree(this.runRoot);
    for (const id of ids) await removeCgroup(join(hierarchy().mountPoint, "runt", id));
    this.host = await TestHost.make();
    const boot = join(this.directory, "boot-id");
    writeFileSync(boot, "00000000-0000-4000-8000-000000000000\n");
    this.host.sh(`mount --bind ${boot} /proc/sys/kernel/random/boot_id`);
    await this.#start();
  }

  async #stop(): Promise<void> {
    const child = this.#engine!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.stdin!.end();
    await ended;
  }

  /** What is left of containers, in the kernel and on disk; a network's bridge is no container's. */
  async remains(): Promise<string[]> {
    const files = (path: string, what: string, but: RegExp = /^$/): string[] =>
      existsSync(path)
        ? readdirSync(path)
            .filter((name) => !but.test(name))
            .map((name) => `${what} ${name}`)
        : [];
    // The kernel takes its time to remove a namespace, and the responder to see that there is nothing left to do.
    await until(() => !this.host.links().some((name) => name.startsWith("rv"))).catch(() => {});
    await until(() => this.host.responders().length === 0).catch(() => {});
    // Exit commands that find nothing left to do.
    await until(() => this.#helpers().length === 0).catch(() => {});
    const lines = (path: string): string[] =>
      existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
    const members = files(join(this.root, "network/members"), "", /^\./).flatMap((name) =>
      lines(join(this.root, "network/members", name.trim())).filter((line) => line.startsWith("member")),
    );
    return [
      ...files(join(this.root, "containers"), "directory"),
      ...files(this.runRoot, "state", /^\.shm$/),
      ...files(join(this.root, "network/containers"), "network record"),
      ...members,
      ...lines(join(this.root, "network/ports")),
      ...(await this.call("states")).map(({ name, status }) => `row ${name} ${status}`),
      ...this.host.links().filter((name) => name.startsWith("rv")),
      ...(this.host.rules().match(/comment "[^"]*"/g) ?? []),
      ...this.host.responders().map((pid) => `responder ${pid}`),
      ...this.#helpers().map((pid) => `process ${pid}`),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.clear();
      await until(() => this.#helpers().length === 0);
    } finally {
      // After a test that has failed, whatever is still there.
      await this.killAll().catch(() => {});
      await this.#stop();
      await this.host[Symbol.asyncDispose]();
      await deleteTree(this.directory);
    }
  }
}

/** Whether the cgroup of a container is there. */
export function hasCgroup(id: string): boolean {
  return existsSync(join(hierarchy().mountPoint, "runt", id));
}

function processesIn(id: string): number[] {
  const path = join(hierarchy().mountPoint, "runt", id, "cgroup.procs");
  return existsSync(path) ? readFileSync(path, "latin1").split("\n").filter(Boolean).map(Number) : [];
}

/** As a reboot would. */
async function removeCgroup(path: string): Promise<void> {
  if (!existsSync(path)) return;
  for (const name of readdirSync(path, { withFileTypes: true }))
    if (name.isDirectory()) await removeCgroup(join(path, name.name));
  await until(() => {
    try {
      rmdirSync(path);
      return true;
    } catch (error) {
      // Somebody is just dying in it, and may not be on its list any more.
      if (hasCode(error, "EBUSY")) return false;
      throw error;
    }
  });
}

function kill(pid: number): void {
  if (!readProcessStat(pid)) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {} // it has ended
}
