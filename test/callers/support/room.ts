/**
 * A place where an engine works without the machine noticing: mounts, network, cgroups and, where systemd need not
 * know them, process ids of its own. What is left in it after a test was leaked.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseMountInfo } from "../../../src/linux/mountinfo.ts";
import { hierarchy } from "../../../src/runtime/cgroup/hierarchy.ts";
import { freshName, testPrefix } from "../../support/bundle.ts";
import { eventually, patienceMs } from "../../support/container.ts";
import { missing } from "../../support/needs.ts";
import { type CommandOptions, command, environment, type Outcome, type Turn, terminal } from "./command.ts";
import { allProcesses, family, type Process } from "./processes.ts";

/** Between two looks; looking costs what others need to get done. */
const pauseMs = process.env.RUNT_VM ? 500 : 50;

export class Room implements AsyncDisposable {
  /** On the machine's disk, at the same path inside and outside. */
  readonly directory = mkdtempSync(join(tmpdir(), `${testPrefix}-room-`));
  /** Who makes cgroups here. With systemd they are the machine's, and so are process ids: systemd is told of both. */
  readonly driver = missing("systemd") ? "cgroupfs" : "systemd";
  /** What engines take as the parent of their containers' cgroups: a slice, or a path. */
  readonly cgroupParent: string;
  /** The same as a path from the root of the cgroups that the room sees, whoever makes them. */
  readonly cgroupPath: string;
  /** Directory of that cgroup, seen from outside. */
  readonly cgroup: string;
  readonly #ownCgroup: string | undefined;
  readonly #opener: ChildProcess;
  readonly #daemons: ChildProcess[] = [];
  #first = 0;
  #mountNamespace = "";
  #known: ReadonlySet<string> = new Set();

  private constructor() {
    chmodSync(this.directory, 0o755);
    const name = freshName();
    const top = hierarchy().mountPoint;
    const script = ["bash", join(import.meta.dirname, "room-script.sh"), this.directory, this.driver];
    const apart = ["unshare", "--mount", "--net", "--propagation", "private"];
    if (this.driver === "systemd") {
      // A dash would make it a slice within a slice.
      this.cgroupParent = `${name.replaceAll("-", "")}.slice`;
      this.cgroupPath = `/${this.cgroupParent}`;
      this.cgroup = join(top, this.cgroupParent);
      this.#opener = spawn(apart[0]!, [...apart.slice(1), ...script], { stdio: ["pipe", "pipe", "inherit"] });
    } else {
      this.cgroupParent = "/containers";
      this.cgroupPath = this.cgroupParent;
      this.#ownCgroup = join(top, name);
      this.cgroup = join(this.#ownCgroup, "containers");
      for (const part of ["engine", "containers"])
        mkdirSync(join(this.#ownCgroup, part), { recursive: true });
      // The cgroup namespace begins where its first process is; then nobody may stay there.
      const enter = `echo 0 >"${this.#ownCgroup}/cgroup.procs"; exec "$@"`;
      const more = ["--cgroup", "--pid", "--fork", "--mount-proc"];
      const argv = ["-c", enter, "sh", ...apart, ...more, ...script];
      this.#opener = spawn("sh", argv, { stdio: ["pipe", "pipe", "inherit"] });
    }
  }

  static async open(): Promise<Room> {
    const room = new Room();
    try {
      await room.#ready();
      room.settle();
      return room;
    } catch (error) {
      await room[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #ready(): Promise<void> {
    const { pid, stdout } = this.#opener;
    await new Promise<void>((resolve, reject) => {
      stdout!.once("data", () => resolve());
      this.#opener.once("exit", (code) => reject(new Error(`the room was not opened: exit status ${code}`)));
    });
    if (this.#ownCgroup) writeFileSync(join(this.#ownCgroup, "engine/cgroup.procs"), String(pid));
    this.#first = this.#ownCgroup ? allProcesses().find(({ parent }) => parent === pid)!.pid : pid!;
    this.#mountNamespace = readlinkSync(`/proc/${this.#first}/ns/mnt`);
  }

  /** A path of the room as others can open it: for /run, /etc, /var and /proc, which are its own. */
  path(inside: string): string {
    return `/proc/${this.#first}/root${inside}`;
  }

  /** A file of the cgroup that a process of the room is in, without the end of its last line. */
  cgroupFile(pid: number, file: string): string {
    const own = /^0::(.*)$/m.exec(readFileSync(this.path(`/proc/${pid}/cgroup`), "utf8"))![1]!;
    return readFileSync(join(hierarchy().mountPoint, own, file), "utf8").trimEnd();
  }

  /** Waits until a process of the room catches or ignores SIGTERM. */
  heedsTerm(pid: number): Promise<true> {
    const heeds = (): boolean =>
      [
        ...readFileSync(this.path(`/proc/${pid}/status`), "utf8").matchAll(/^Sig(?:Ign|Cgt):\s*(\w+)$/gm),
      ].some(([, bits]) => ((BigInt(`0x${bits}`) >> 14n) & 1n) === 1n);
    return eventually(() => heeds() || undefined, `process ${pid} to heed SIGTERM`);
  }

  /** `argv` as a command from outside that runs in the room. */
  enter(argv: readonly string[]): string[] {
    const nsenter = ["nsenter", "--target", String(this.#first), "--mount", "--net"];
    // conmon leaves a file in its working directory.
    const inside = ["--", "env", `--chdir=${this.directory}`, ...argv];
    if (!this.#ownCgroup) return [...nsenter, ...inside];
    const join = `echo 0 >"${this.#ownCgroup}/engine/cgroup.procs"; exec "$@"`;
    return ["sh", "-c", join, "sh", ...nsenter, "--cgroup", "--pid", ...inside];
  }

  /** Runs a program to its end. */
  run(argv: readonly string[], options?: CommandOptions): Promise<Outcome> {
    return command(this.directory, this.enter(argv), options);
  }

  /** The same, where it must succeed. @returns what it printed, without white space around it */
  async ok(argv: readonly string[], options?: CommandOptions): Promise<string> {
    const { status, stdout, stderr } = await this.run(argv, options);
    if (status !== 0) throw new Error(`${argv.join(" ")}: exit status ${status}: ${stderr}${stdout}`);
    return stdout.trim();
  }

  /** Runs a program on a terminal of its own. */
  terminal(argv: readonly string[], dialogue?: readonly Turn[]): Promise<Outcome> {
    return terminal(this.directory, this.enter(argv), dialogue);
  }

  /**
   * Starts a daemon, and waits until `probe` succeeds, which is not tried before there is a `socket`. What the daemon
   * says goes to NAME.log in the room's directory.
   */
  async daemon(
    name: string,
    argv: readonly string[],
    socket: string,
    probe: readonly string[],
  ): Promise<void> {
    const log = join(this.directory, `${name}.log`);
    // Not through a pipe, which would end with this process before the daemon does.
    const line = ["sh", "-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh", log, ...argv];
    const [file, ...rest] = this.enter(line);
    const child = spawn(file!, rest, { cwd: "/", env: environment(this.directory), stdio: "ignore" });
    this.#daemons.push(child);
    const deadline = performance.now() + patienceMs;
    while (!existsSync(socket) || (await this.run(probe)).status !== 0) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`${name} did not start:\n${readFileSync(log, "utf8").slice(-2000)}`);
      await sleep(pauseMs);
    }
    this.settle();
  }

  /** What is here from now on is no leak. */
  settle(): void {
    this.#known = new Set(this.#contents());
  }

  /** Waits until nothing is here but what was here before. @returns what stays nevertheless, one line each */
  async leftovers(): Promise<string[]> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const left = this.#contents().filter((line) => !this.#known.has(line));
      if (left.length === 0 || performance.now() > deadline) return left;
      await sleep(pauseMs);
    }
  }

  #contents(): string[] {
    const mounts = parseMountInfo(readFileSync(`/proc/${this.#first}/mountinfo`, "utf8"));
    return [
      ...this.#processes().map(({ name, pid }) => `process ${name} ${pid}`),
      ...mounts.map(({ mountPoint, fsType }) => `mount ${mountPoint} (${fsType})`),
      // podman's cgroup for its monitors stays, whatever the runtime.
      ...directoriesBelow(this.cgroup)
        .filter((path) => !path.endsWith("/conmon"))
        .map((path) => `cgroup ${path}`),
      // Engines have their runtime keep its state there.
      ...stateDirectories(this.path("/run")).map((path) => `state ${path}`),
      ...names(this.path("/run/netns")).map((name) => `network namespace ${name}`),
      ...this.#links().map((line) => `link ${line}`),
    ];
  }

  /** All that run here, but for the one that keeps the room. */
  #processes(): readonly Process[] {
    const here = ({ pid, mountNamespace }: Process): boolean =>
      pid === this.#first || mountNamespace === this.#mountNamespace;
    return family(allProcesses(), here).filter(
      ({ pid, parent, state }) => pid !== this.#first && !(state === "Z" && parent === this.#first),
    );
  }

  #links(): string[] {
    const text = readFileSync(`/proc/${this.#first}/net/dev`, "utf8");
    return [...text.matchAll(/^\s*(\S+):/gm)].map(([, name]) => name!);
  }

  /** Ends what runs here. @throws where that leaves anything behind */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#daemons.toReversed()) await end(daemon);
    this.#opener.stdin!.end();
    await end(this.#opener);
    // In a pid namespace of its own nobody has survived that.
    if (this.#mountNamespace !== "") {
      const here = family(allProcesses(), ({ mountNamespace }) => mountNamespace === this.#mountNamespace);
      for (const { pid } of here) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {} // it has ended
      }
    }
    if (this.driver === "systemd") spawnSync("systemctl", ["stop", this.cgroupParent], { stdio: "ignore" });
    const cgroups = [this.#ownCgroup ?? this.cgroup];
    const deadline = performance.now() + patienceMs;
    while (cgroups.some((cgroup) => !removed(cgroup))) {
      if (performance.now() > deadline) throw new Error(`cgroups are left: ${directoriesBelow(cgroups[0]!)}`);
      await sleep(50);
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  await exit;
  clearTimeout(timer);
}

function names(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function directoriesBelow(top: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(top, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [join(top, entry.name)] : [],
    );
  } catch {
    return []; // it went away while we looked
  }
  return entries.flatMap((path) => [path, ...directoriesBelow(path)]);
}

/** Where a runtime keeps a container: the directories that have a state.json. */
function stateDirectories(top: string): string[] {
  return directoriesBelow(top).filter((path) => existsSync(join(path, "state.json")));
}

/** Removes a cgroup and those below it. @returns whether it is gone */
function removed(cgroup: string): boolean {
  try {
    for (const path of directoriesBelow(cgroup).toReversed()) rmdirSync(path);
    rmdirSync(cgroup);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
  return true;
}
