/** An engine that is compared: in a room of its own, with the images, and with a command line in front of each verb. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Outcome, Turn } from "../callers/support/command.ts";
import { Room } from "../callers/support/room.ts";
import { command } from "../cli/run-cli.ts";
import { missing } from "../support/needs.ts";
import { makeImages, plain } from "./image.ts";

/** Which engine. */
export type Name = "podman" | "runt";

/** What a caller sees of one command. */
export interface Seen {
  readonly status: number;
  readonly stdout: string;
}

/** What its containers do that are to stay: end with 7 on SIGTERM, say "up" before. */
export const waiting = ["sh", "-c", 'trap "exit 7" TERM; echo up; while :; do sleep 1000 & wait $!; done'];

export class Peer implements AsyncDisposable {
  readonly name: Name;
  readonly room: Room;
  readonly #program: readonly string[];
  /** Containers that are removed after the case. */
  readonly #names = new Set<string>();
  #directories = 0;
  /** A directory for the case, on the host. */
  directory = "";

  private constructor(name: Name, room: Room, program: readonly string[]) {
    this.name = name;
    this.room = room;
    this.#program = program;
  }

  static async open(name: Name): Promise<Peer> {
    const room = await Room.open();
    try {
      const program = name === "podman" ? await podman(room) : runt(room);
      const peer = new Peer(name, room, program);
      const archive = makeImages(room.directory);
      await peer.ok("load", "--input", archive);
      return peer;
    } catch (error) {
      await room[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As a shell sees it: its exit status, and what it prints; what it complains of is each one's own. */
  async see(...args: readonly string[]): Promise<Seen> {
    const { status, stdout } = await this.raw(...args);
    return { status, stdout };
  }

  /** The same with stderr. */
  async raw(...args: readonly string[]): Promise<Outcome> {
    this.#note(args);
    return this.tidy(await this.room.run([...this.#program, ...args]));
  }

  /** With something to read. */
  async fed(input: string, ...args: readonly string[]): Promise<Seen> {
    this.#note(args);
    const { status, stdout } = this.tidy(await this.room.run([...this.#program, ...args], { input }));
    return { status, stdout };
  }

  /** With variables in its own environment. */
  async within(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Seen> {
    this.#note(args);
    const { status, stdout } = this.tidy(await this.room.run([...this.#program, ...args], { env }));
    return { status, stdout };
  }

  /** On a terminal. */
  async terminal(args: readonly string[], dialogue: readonly Turn[] = []): Promise<Seen> {
    this.#note(args);
    const { status, stdout } = await this.room.terminal([...this.#program, ...args], dialogue);
    return { status, stdout: this.#plain(stdout) };
  }

  /** Where it must succeed: what it prints, without the end of the line. */
  async ok(...args: readonly string[]): Promise<string> {
    this.#note(args);
    const { status, stdout, stderr } = await this.room.run([...this.#program, ...args]);
    if (status !== 0)
      throw new Error(`${this.name} ${args.join(" ")}: exit status ${status}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  /** A container in the background, without a network unless `flags` name one, that waits. */
  async up(name: string, ...flags: readonly string[]): Promise<string> {
    const network = flags.some((flag) => flag.startsWith("--network")) ? [] : ["--network=none"];
    return await this.ok("run", "-d", "--name", name, ...network, ...flags, plain, ...waiting);
  }

  /** A container that runs a shell's `script` in the background, without a network. */
  async started(name: string, script: string, ...flags: readonly string[]): Promise<string> {
    return await this.ok("run", "-d", "--name", name, "--network=none", ...flags, plain, "sh", "-c", script);
  }

  /** The same, seen to its end. */
  async script(name: string, script: string, ...flags: readonly string[]): Promise<Seen> {
    return await this.see("run", "--name", name, "--network=none", ...flags, plain, "sh", "-c", script);
  }

  /** `run --rm` of the plain image, without a network: flags, then "--", then the program. */
  async run(...args: readonly string[]): Promise<Seen> {
    const end = args.indexOf("--");
    const [flags, program] = end < 0 ? [[], args] : [args.slice(0, end), args.slice(end + 1)];
    const network = flags.some((flag) => /^(--net|-p|--ip)/.test(flag)) ? [] : ["--network=none"];
    return await this.see("run", "--rm", ...network, ...flags, plain, ...program);
  }

  /** A shell's command line in the engine's room; `$E` is the engine. */
  async shell(line: string): Promise<Seen> {
    const script = `E="$*"; cd "${this.directory}"; ${line}`;
    const { status, stdout } = this.tidy(await this.room.run(["sh", "-c", script, "sh", ...this.#program]));
    return { status, stdout };
  }

  /** Waits until `look` gives something. */
  async until<T>(look: () => Promise<T | undefined | false>, patienceMs = 15_000): Promise<T> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const value = await look();
      if (value !== undefined && value !== false) return value;
      if (performance.now() > deadline) throw new Error(`${this.name}: waited in vain for ${look}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Waits until a template of `inspect` gives `value`. */
  async becomes(container: string, template: string, value: string): Promise<void> {
    await this.until(async () => {
      const { stdout } = await this.see("inspect", "--format", template, container);
      return stdout.trim() === value;
    });
  }

  /** A file on the host for the case. @returns its path */
  file(name: string, content: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, content);
    return path;
  }

  /** Before a case. */
  begin(): void {
    this.directory = join(this.room.directory, `case-${++this.#directories}`);
    mkdirSync(this.directory);
  }

  /** After a case: takes its containers away. */
  async end(...more: readonly (readonly string[])[]): Promise<void> {
    const names = [...this.#names];
    this.#names.clear();
    const now = this.name === "podman" ? ["--time=0", "--ignore"] : [];
    if (names.length > 0)
      await this.room.run([...this.#program, "rm", "--force", "--volumes", ...now, ...names]);
    for (const args of more) await this.room.run([...this.#program, ...args]);
  }

  #note(args: readonly string[]): void {
    args.forEach((word, index) => {
      if (word === "--name" && args[index + 1]) this.#names.add(args[index + 1]!);
      if (word.startsWith("--name=")) this.#names.add(word.slice(7));
    });
  }

  tidy({ status, stdout, stderr }: Outcome): Outcome {
    return { status, stdout: this.#plain(stdout), stderr: this.#plain(stderr) };
  }

  /** What differs from run to run has the same name in each. */
  #plain(text: string): string {
    return text
      .replaceAll(this.directory, "<directory>")
      .replaceAll(this.room.directory, "<room>")
      .replaceAll(/\b[0-9a-f]{64}\b/g, "<id>")
      .replaceAll(/\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{12}\b/g, "<short id>")
      .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?(Z|[+-]\d\d:?\d\d))?( [A-Z]{3})?/g, "<time>");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.room[Symbol.asyncDispose]();
  }
}

function runt(room: Room): string[] {
  const [program, first] = command("runt");
  return [program, ...first, "--data-root", join(room.directory, "data"), "--root", "/run/runt-engine"];
}

async function podman(room: Room): Promise<string[]> {
  // podman raises these two limits above the hard ones, which not every root may, and limits the number of processes
  // without being asked. crun raises a third one.
  const may = missing("CAP_SYS_RESOURCE") === undefined;
  const text = `[containers]
init_path = "/usr/bin/catatonit"
${may ? "" : 'default_ulimits = ["nofile=1000:1000", "nproc=1000:1000"]'}
${missing("pids controller") ? "pids_limit = 0" : ""}
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "${may ? "crun" : "runc"}"
`;
  await room.run(["sh", "-c", "cat >/etc/containers/containers.conf"], { input: text });
  const storage = ["root", "runroot", "tmpdir"].map((name) => `--${name}=${join(room.directory, name)}`);
  return ["podman", ...storage, "--storage-driver=vfs"];
}
