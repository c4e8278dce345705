/** A container with conmon as its monitor: the part of podman and CRI-O that talks to conmon. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { aBundle, type Bundle, freshName, type Json } from "../../support/bundle.ts";
import { eventually } from "../../support/container.ts";
import { ended } from "../../support/processes.ts";
import { environment } from "./command.ts";
import { waiting } from "./image.ts";
import type { Room } from "./room.ts";
import { runtimePath } from "./runtime.ts";

/** A program that nobody may execute. */
const files = { plain: "not a program\n" };

/** The first thing conmon says of what it has started: a pid, or −1 and why not. */
export interface Report {
  readonly data: number;
  readonly message?: string;
}

/** A container and its monitor, as podman and CRI-O have them. */
export class Monitored implements AsyncDisposable {
  readonly id = freshName();
  readonly room: Room;
  readonly #bundle: Bundle;
  readonly #runtime: readonly string[];
  readonly #runtimeFile: string;
  /** What became of creating it. */
  report: Report = { data: -1 };

  private constructor(room: Room, bundle: Bundle) {
    this.room = room;
    this.#bundle = bundle;
    this.#runtimeFile = runtimePath(room.directory);
    const systemd = room.driver === "systemd" ? ["--systemd-cgroup"] : [];
    this.#runtime = [this.#runtimeFile, ...systemd];
  }

  /** Makes a container. `changes` go over the usual configuration. */
  static async create(room: Room, changes: Json, flags: readonly string[] = []): Promise<Monitored> {
    const bundle = await aBundle({ process: { args: waiting }, ...changes }, { files });
    const container = new Monitored(room, bundle);
    const path =
      room.driver === "systemd"
        ? `${room.cgroupParent}:conmon:${container.id}`
        : join(room.cgroupPath, container.id);
    bundle.config.linux.cgroupsPath = path;
    bundle.write();
    for (const name of ["exits", "persist"]) mkdirSync(container.#file(name));
    const monitor = await container.#conmon("container", container.#file("exits"), flags);
    const { value } = await monitor.next();
    await monitor.return(undefined);
    if (!value) throw new Error("conmon said nothing");
    container.report = value;
    return container;
  }

  #file(name: string): string {
    return join(this.#bundle.directory, name);
  }

  /** Starts conmon; what it says over its sync pipe comes out. */
  async *#conmon(name: string, exits: string, flags: readonly string[]): AsyncGenerator<Report> {
    const argv = [
      ...["conmon", "--api-version", "1", "--cid", this.id, "--name", this.id, "--cuuid", freshName()],
      ...["--runtime", this.#runtimeFile],
      ...["--bundle", this.#bundle.path, "--persist-dir", this.#file("persist"), "--exit-dir", exits],
      ...["--container-pidfile", this.#file(`${name}.pid`), "--conmon-pidfile", this.#file(`${name}.conmon`)],
      ...["--log-path", `k8s-file:${this.#file(`${name}.log`)}`, "--socket-dir-path", this.#bundle.directory],
      ...(this.room.driver === "systemd" ? ["--systemd-cgroup"] : []),
      ...flags,
    ];
    const [file, ...rest] = this.room.enter(argv);
    const child = spawn(file!, rest, {
      cwd: "/",
      env: { ...environment(this.#bundle.directory), _OCI_SYNCPIPE: "3", _OCI_STARTPIPE: "4" },
      stdio: ["ignore", "ignore", "inherit", "pipe", "pipe"],
    });
    // It waits for the engine to have put it into a cgroup.
    (child.stdio[4] as Writable).end("\0");
    let text = "";
    for await (const chunk of (child.stdio[3] as Readable).setEncoding("utf8")) {
      const lines = (text + chunk).split("\n");
      text = lines.pop()!;
      for (const line of lines) yield JSON.parse(line) as Report;
    }
  }

  /** Calls the runtime, as the engine does beside the monitor. */
  call(verb: string, ...args: string[]): Promise<string> {
    return this.room.ok([...this.#runtime, verb, ...args]);
  }

  async start(): Promise<void> {
    await this.call("start", this.id);
  }

  /** What the container has written to stdout or stderr, as the monitor's log has it. */
  written(stream: "stdout" | "stderr", name = "container"): string {
    const file = this.#file(`${name}.log`);
    const log = existsSync(file) ? readFileSync(file, "utf8") : "";
    // A line comes as F, or in parts of which all but the last are P.
    const parts = [...log.matchAll(/^\S+ (stdout|stderr) ([FP]) ([^\n]*)\n/gm)];
    return parts
      .filter(([, from]) => from === stream)
      .map(([, , kind, text]) => (kind === "F" ? `${text}\n` : text))
      .join("");
  }

  said(text: string): Promise<true> {
    return eventually(() => this.written("stdout").includes(text) || undefined, `"${text}" in the log`);
  }

  /** The exit status that the monitor has written for the engine. */
  exit(): Promise<number> {
    const file = join(this.#file("exits"), this.id);
    return eventually(
      () => (existsSync(file) ? Number(readFileSync(file, "utf8")) : undefined),
      "an exit status",
    );
  }

  /** Whether the monitor has told of a lack of memory. */
  get outOfMemory(): boolean {
    return existsSync(join(this.#file("persist"), "oom"));
  }

  /** Runs a program in it, through a monitor of its own. */
  async exec(args: readonly string[], changes: Json, ...flags: string[]): Promise<Exec> {
    const name = freshName();
    const process = { ...this.#bundle.config.process, args, ...changes };
    writeFileSync(this.#file(`${name}.json`), JSON.stringify(process));
    const how = ["--exec", "--exec-process-spec", this.#file(`${name}.json`), ...flags];
    const reports: Report[] = [];
    for await (const report of this.#conmon(name, this.#file("persist"), how)) reports.push(report);
    return {
      started: reports[0]!,
      exit: reports[1]?.data,
      stdout: this.written("stdout", name),
      stderr: this.written("stderr", name),
    };
  }

  /** Says to the monitor how large the terminal is. */
  resize(rows: number, columns: number): void {
    writeFileSync(join(this.#bundle.path, "ctl"), `1 ${rows} ${columns}\n`);
  }

  async state(): Promise<{ status: string; pid: number }> {
    return JSON.parse(await this.call("state", this.id)) as { status: string; pid: number };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.report.data > 0) await this.call("delete", "--force", this.id);
    // conmon writes there when the container has ended.
    await ended(this.#bundle.directory);
    await this.#bundle[Symbol.asyncDispose]();
  }
}

/** What came of a program in a container. */
export interface Exec {
  readonly started: Report;
  readonly exit: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}
