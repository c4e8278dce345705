/**
 * A machine for tests of networks: a network and a mount namespace, in which the engine's networks are called by a
 * process of their own, containers that are namespaces with a process in each, and an "internet" behind a cable. This
 * machine's own network is never touched.
 *
 * ```
 * outside (203.0.113.1, 2001:db8::1) ──── host (203.0.113.2, 2001:db8::2) ──── bridge ──── containers
 * ```
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll } from "vitest";
import type * as engine from "../../src/engine/network/index.ts";
import { isAlive, readProcessStat } from "../../src/linux/process.ts";
import { hasCode } from "../../src/linux/system-error.ts";
import { eventually } from "./container.ts";
import { Script } from "./script.ts";

/** Addresses of the cable between the host and the rest of the world; there is no way back to containers. */
export const outside = { ipv4: "203.0.113.1", ipv6: "2001:db8::1" } as const;
export const hostAddress = { ipv4: "203.0.113.2", ipv6: "2001:db8::2" } as const;

/** Functions of the engine that a test may call on its machine; `store.…` are methods of the store. */
type Functions = {
  setupNetwork: typeof engine.setupNetwork;
  teardownNetwork: typeof engine.teardownNetwork;
  connectNetwork: typeof engine.connectNetwork;
  disconnectNetwork: typeof engine.disconnectNetwork;
  reviveNetwork: typeof engine.reviveNetwork;
  isResponderMissing: typeof engine.isResponderMissing;
  checkNetwork: typeof engine.checkNetwork;
};
type Store = engine.NetworkStore;
/** Without the context, which the machine has. */
type Rest<F> = F extends (context: never, ...rest: infer R) => unknown ? R : never;

/** A refusal of the engine, as it came over. */
export class RemoteError extends Error {
  readonly kind: string;
  readonly site: Readonly<Record<string, string>>;

  constructor({ message, kind, site }: { message: string; kind: string; site: Record<string, string> }) {
    super(message);
    this.kind = kind;
    this.site = site;
  }
}

let traffic: string | undefined;

/** Path of the program that makes traffic, compiled at first use. */
export function trafficPath(): string {
  if (traffic) return traffic;
  const source = join(import.meta.dirname, "traffic.c");
  const hash = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 12);
  const path = join(tmpdir(), `runt-test-traffic-${hash}`);
  if (!existsSync(path)) {
    const options = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-static", "-s"];
    const compiler = spawnSync("musl-gcc", ["--version"]).status === 0 ? "musl-gcc" : "gcc";
    execFileSync(compiler, [...options, "-o", `${path}.${process.pid}`, source]);
    renameSync(`${path}.${process.pid}`, path);
  }
  traffic = path;
  return path;
}

const driver = `
  import * as engine from "./src/engine/network/index.ts";
  import { createInterface } from "node:readline";
  const [root, definitions, instance] = process.argv.slice(2);
  const log = (message) => console.log(JSON.stringify({ log: message }));
  const context = engine.networkContext({ root, instance, log, ...(definitions && { definitions }) });
  const store = new engine.NetworkStore(context);
  const call = async (name, args) => {
    if (name === "reconcile") {
      const [alive, idle, ended] = args;
      const isAlive = (id) => alive.includes(id);
      const runs = (id) => isAlive(id) && !ended.includes(id);
      return await engine.reconcileNetworks(context, { isAlive, runs, idle });
    }
    if (name.startsWith("store.")) return await store[name.slice(6)](...args);
    return await engine[name](context, ...args);
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const { n, name, args } = JSON.parse(line);
    call(name, args).then(
      (value) => console.log(JSON.stringify({ n, value: value ?? null })),
      (error) => console.log(JSON.stringify({ n, error: {
        message: error.message, kind: error.kind ?? error.name, site: error.site ?? {}, stack: error.stack,
      } })),
    );
  }`;

let script: Script | undefined;

/** The program that calls the engine, compiled once for a test file. */
function driverPath(): string {
  script ??= new Script(driver);
  return script.path;
}

// Of the file that we are imported by.
afterAll(() => {
  script?.[Symbol.dispose]();
  script = undefined;
});

/** A process that calls the engine on a machine. */
export class Engine implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly logged: string[] = [];
  #count = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const { n, value, error, log } = JSON.parse(line);
      if (log !== undefined) this.logged.push(log);
      else if (error) this.#waiting.get(n)?.reject(new RemoteError(error));
      else this.#waiting.get(n)?.resolve(value);
    });
    child.once("exit", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the engine's process is gone"));
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  call<F extends keyof Functions>(
    name: F,
    ...args: Rest<Functions[F]>
  ): Promise<Awaited<ReturnType<Functions[F]>>> {
    return this.#send(name, args) as Promise<Awaited<ReturnType<Functions[F]>>>;
  }

  store<M extends "create" | "get" | "inspect" | "list" | "remove" | "prune">(
    name: M,
    ...args: Parameters<Store[M]>
  ): Promise<Awaited<ReturnType<Store[M]>>> {
    return this.#send(`store.${name}`, args) as Promise<Awaited<ReturnType<Store[M]>>>;
  }

  /** @param alive ids of the containers that are there @param ended of those that do not run */
  reconcile(
    alive: readonly string[],
    idle: "keep" | "remove" = "keep",
    ended: readonly string[] = [],
  ): Promise<engine.Reconciled> {
    return this.#send("reconcile", [alive, idle, ended]) as Promise<engine.Reconciled>;
  }

  #send(name: string, args: readonly unknown[]): Promise<unknown> {
    const n = this.#count++;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(n, answer);
    this.#child.stdin!.write(`${JSON.stringify({ n, name, args })}\n`);
    return answer.promise.finally(() => this.#waiting.delete(n));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}

/** A container as far as networks are concerned. */
export class TestContainer implements Disposable {
  readonly id: string;
  readonly #child: ChildProcess;
  readonly #host: TestHost;
  readonly #servers: ChildProcess[] = [];

  constructor(id: string, child: ChildProcess, host: TestHost) {
    this.id = id;
    this.#child = child;
    this.#host = host;
  }

  get namespace(): string {
    return `/proc/${this.#child.pid}/ns/net`;
  }

  #enter(): string[] {
    return ["nsenter", "-t", String(this.#child.pid), "-n", "-m", "--"];
  }

  /** Standard output of a shell command inside; throws if it fails. */
  sh(command: string): string {
    return execute([...this.#enter(), "sh", "-c", command]);
  }

  /** Makes it ask these servers for names. */
  useNameservers(servers: readonly string[]): void {
    const file = join(this.#host.directory, `resolv-${this.id}`);
    writeFileSync(file, servers.map((server) => `nameserver ${server}\n`).join(""));
    this.sh(`mount --bind ${file} /etc/resolv.conf`);
  }

  /** What a server says to us, or why there was no answer. */
  ask(protocol: "tcp" | "udp", host: string, port: number): string {
    return ask([...this.#enter(), trafficPath(), "ask", protocol, host, String(port)]);
  }

  /** A server inside that says again what a client has said, once it has come to its end. */
  async repeat(address: string, port: number): Promise<void> {
    this.#servers.push(await serve([...this.#enter(), trafficPath(), "repeat", address, String(port)]));
  }

  /** Addresses of a name. */
  resolve(name: string): string[] {
    return ask([...this.#enter(), trafficPath(), "resolve", name]).split("\n");
  }

  /** A server inside that answers with `name` and the client's address. */
  async serve(protocol: "tcp" | "udp", address: string, port: number, name: string): Promise<void> {
    this.#servers.push(
      await serve([...this.#enter(), trafficPath(), "serve", protocol, address, String(port), name]),
    );
  }

  /** Its processes end, and with them its namespace. */
  kill(): void {
    for (const server of this.#servers.splice(0)) server.kill("SIGKILL");
    this.#child.kill("SIGKILL");
  }

  [Symbol.dispose](): void {
    this.kill();
  }
}

export class TestHost implements AsyncDisposable {
  /** The test's own, for everything. */
  readonly directory: string;
  readonly #holder: ChildProcess;
  readonly #outside: ChildProcess;
  readonly #processes: ChildProcess[] = [];
  readonly #engines: Engine[] = [];
  readonly #containers: TestContainer[] = [];
  #count = 0;

  private constructor(directory: string, holder: ChildProcess, rest: ChildProcess) {
    this.directory = directory;
    this.#holder = holder;
    this.#outside = rest;
  }

  /** A machine with a cable to the rest of the world. */
  static async make(): Promise<TestHost> {
    const directory = mkdtempSync(join(tmpdir(), "runt-test-network-"));
    mkdirSync(join(directory, "root"));
    const holder = await namespaceHolder([]);
    const enter = ["nsenter", "-t", String(holder.pid), "-n", "-m", "--"];
    const rest = await namespaceHolder(enter);
    const host = new TestHost(directory, holder, rest);
    writeFileSync(join(directory, "resolv.conf"), "nameserver 203.0.113.1\n");
    host.sh(`
      ip link set lo up
      ip link add eth0 type veth peer name eth0 netns ${rest.pid}
      ip addr add ${hostAddress.ipv4}/24 dev eth0
      ip addr add ${hostAddress.ipv6}/64 dev eth0 nodad
      ip link set eth0 up
      echo 0 > /proc/sys/net/ipv4/ip_forward
      mount --bind ${directory}/resolv.conf /etc/resolv.conf
      mount -t tmpfs tmpfs /run`);
    host.outsideSh(`
      ip link set lo up
      ip addr add ${outside.ipv4}/24 dev eth0
      ip addr add ${outside.ipv6}/64 dev eth0 nodad
      ip link set eth0 up`);
    host.sh(`ip route add default via ${outside.ipv4}; ip -6 route add default via ${outside.ipv6}`);
    return host;
  }

  get root(): string {
    return join(this.directory, "root");
  }

  /** One more process that calls the engine on this machine. */
  engine(options: { root?: string; definitions?: string; instance?: string } = {}): Engine {
    const { root = this.root, definitions = "", instance = "runt" } = options;
    const args = [...this.#enter().slice(1), process.execPath, driverPath(), root, definitions, instance];
    const child = spawn("nsenter", args, { stdio: ["pipe", "pipe", "inherit"] });
    const made = new Engine(child);
    this.#engines.push(made);
    return made;
  }

  /** What comes before the words of a command that is to run on the machine. */
  get entering(): readonly [string, ...string[]] {
    return ["nsenter", "-t", String(this.#holder.pid), "-n", "-m", "--"];
  }

  #enter(): string[] {
    return [...this.entering];
  }

  #enterOutside(): string[] {
    return ["nsenter", "-t", String(this.#outside.pid), "-n", "--"];
  }

  /** Standard output of a shell command on the machine; throws if it fails. */
  sh(command: string): string {
    return execute([...this.#enter(), "sh", "-ec", command]);
  }

  /** The same in the rest of the world. */
  outsideSh(command: string): string {
    return execute([...this.#enterOutside(), "sh", "-ec", command]);
  }

  ask(protocol: "tcp" | "udp", host: string, port: number): string {
    return ask([...this.#enter(), trafficPath(), "ask", protocol, host, String(port)]);
  }

  /** "BYTES same" if a server of `repeat` has said everything again. */
  pour(host: string, port: number, bytes: number): string {
    return ask([...this.#enter(), trafficPath(), "pour", host, String(port), String(bytes)]);
  }

  /** @param local "address:port" to ask from */
  askFromOutside(protocol: "tcp" | "udp", host: string, port: number, local?: string): string {
    const verb = local === undefined ? ["ask", protocol] : ["send", protocol, ...local.split(":")];
    return ask([...this.#enterOutside(), trafficPath(), ...verb, host, String(port)]);
  }

  /** A server of the machine's own. */
  async serve(protocol: "tcp" | "udp", address: string, port: number, name: string): Promise<ChildProcess> {
    const server = await serve([
      ...this.#enter(),
      trafficPath(),
      "serve",
      protocol,
      address,
      String(port),
      name,
    ]);
    this.#processes.push(server);
    return server;
  }

  async serveOutside(protocol: "tcp" | "udp", address: string, port: number, name: string): Promise<void> {
    const command = [...this.#enterOutside(), trafficPath(), "serve", protocol, address, String(port), name];
    this.#processes.push(await serve(command));
  }

  /** A name server in the rest of the world that knows every name by one address. */
  async serveNames(ipv4: string): Promise<void> {
    const command = [...this.#enterOutside(), trafficPath(), "dns", outside.ipv4, "53", ipv4];
    this.#processes.push(await serve(command));
  }

  /** A container that is on no network yet. */
  async container(): Promise<TestContainer> {
    const id = createHash("sha256")
      .update(`${this.directory} ${this.#count++}`)
      .digest("hex");
    const container = new TestContainer(id, await namespaceHolder(this.#enter()), this);
    this.#containers.push(container);
    return container;
  }

  /** Names of the machine's links, but the two that every one has. */
  links(): string[] {
    const links = JSON.parse(this.sh("ip -j link")) as { ifname: string }[];
    return links.map(({ ifname }) => ifname).filter((name) => name !== "lo" && name !== "eth0");
  }

  /** All rules, as nft(8) prints them. */
  rules(): string {
    return this.sh("nft list ruleset");
  }

  /** Pids of name responders of this machine. */
  responders(): number[] {
    return this.#pidsOf("runt-dns");
  }

  /** Pids of the proxies of its containers. */
  proxies(): number[] {
    return this.#pidsOf("runt-proxy");
  }

  #pidsOf(program: string): number[] {
    const namespace = readlinkSync(`/proc/${this.#holder.pid}/ns/net`);
    return pidsOf(program).filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/net`) === namespace;
      } catch {
        return false;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const engine of this.#engines) await engine[Symbol.asyncDispose]();
    for (const container of this.#containers) container.kill();
    for (const pid of [...this.responders(), ...this.proxies()]) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        // Proxies are about to end by themselves.
        if (!hasCode(error, "ESRCH")) throw error;
      }
    }
    const all = [...this.#processes, this.#outside, this.#holder];
    for (const child of all) child.kill("SIGKILL");
    await until(() => all.every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function pidsOf(name: string): number[] {
  const output = spawnSync("pgrep", ["-x", name], { encoding: "utf8" }).stdout;
  return output.split("\n").filter(Boolean).map(Number);
}

/** Waits until something is so; @throws {Error} if it takes too long */
export async function until(condition: () => boolean): Promise<void> {
  await eventually(() => condition() || undefined, String(condition));
}

/** A process in a network and a mount namespace of its own, made from within others. */
async function namespaceHolder(enter: readonly string[]): Promise<ChildProcess> {
  const command = [
    ...enter,
    "unshare",
    "--net",
    "--mount",
    "--propagation",
    "private",
    "sh",
    "-c",
    "echo ready; exec sleep 600",
  ];
  return await serve(command);
}

/** Starts a program and waits until it says "ready". */
async function serve(command: readonly string[]): Promise<ChildProcess> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, "line"), once(child, "exit").then(() => ["it ended"])]);
  if (first[0] !== "ready") throw new Error(`${command.join(" ")}: ${first[0]}`);
  lines.close();
  return child;
}

function execute(command: readonly string[]): string {
  return execFileSync(command[0]!, command.slice(1), { encoding: "utf8", timeout: 50_000 }).trim();
}

let askingMs = 10_000;

/** What it asks for has to come soon: for what is not expected to be answered, as nobody waits for that for long. */
export function briefly<T>(work: () => T): T {
  const before = askingMs;
  askingMs = 1000;
  try {
    return work();
  } finally {
    askingMs = before;
  }
}

function ask(command: readonly string[]): string {
  const env = { ...process.env, PATIENCE_MS: String(askingMs) };
  const { stdout } = spawnSync(command[0]!, command.slice(1), { encoding: "utf8", timeout: 50_000, env });
  return stdout.trim();
}

/** Whether a process is there that is no zombie. */
export function isRunning(pid: number): boolean {
  const stat = readProcessStat(pid);
  return stat !== undefined && isAlive(pid, stat.startTime);
}
