/** containerd in a room, and ctr to talk to it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome, Turn } from "./command.ts";
import { imageName, makeImage } from "./image.ts";
import { Room } from "./room.ts";
import { runtimePath } from "./runtime.ts";

/** containerd in its room, with our image, and ctr to talk to it. */
export class Containerd {
  readonly room: Room;
  readonly #ctr: readonly string[];
  readonly #runtime: string;

  private constructor(room: Room, socket: string) {
    this.room = room;
    this.#ctr = ["ctr", "--address", socket];
    this.#runtime = runtimePath(room.directory);
  }

  static async open(): Promise<Containerd> {
    const room = await Room.open();
    const directory = join(room.directory, "containerd");
    const [config, socket] = [join(directory, "config.toml"), join(directory, "socket")];
    mkdirSync(directory);
    // Without what Kubernetes needs of it, and without the plugin that makes /opt/containerd.
    const text = `version = 2
      root = "${directory}/root"
      state = "${directory}/state"
      disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
      [grpc]
        address = "${socket}"
      [ttrpc]
        address = "${socket}.ttrpc"\n`;
    writeFileSync(config, text);
    const engine = new Containerd(room, socket);
    await room.daemon("containerd", ["containerd", "--config", config], socket, [...engine.#ctr, "version"]);
    await engine.ok("images", "import", "--snapshotter=native", makeImage(room.directory));
    return engine;
  }

  run(...args: string[]): Promise<Outcome> {
    return this.room.run([...this.#ctr, ...args]);
  }

  ok(...args: string[]): Promise<string> {
    return this.room.ok([...this.#ctr, ...args]);
  }

  terminal(args: readonly string[], ...dialogue: Turn[]): Promise<Outcome> {
    return this.room.terminal([...this.#ctr, ...args], dialogue);
  }

  /** Arguments that run a container with our runtime. */
  container(id: string, args: readonly string[], ...flags: string[]): string[] {
    const { driver, cgroupParent } = this.room;
    const cgroup =
      driver === "systemd"
        ? ["--runc-systemd-cgroup", `--cgroup=${cgroupParent}:ctr:${id}`]
        : [`--cgroup=${cgroupParent}/${id}`];
    const usual = ["--snapshotter=native", `--runc-binary=${this.#runtime}`, ...cgroup];
    return ["run", ...usual, ...flags, imageName, id, ...args];
  }

  /** The pid of a container's first process. */
  async pid(id: string): Promise<number> {
    const line = (await this.ok("tasks", "list")).split("\n").find((text) => text.startsWith(`${id} `))!;
    const [, pid, status] = line.split(/\s+/);
    if (status !== "RUNNING") throw new Error(`${id} is ${status}`);
    return Number(pid);
  }

  /** Sends a signal, waits for the end, and takes the container away. @returns its exit status */
  async end(id: string, signal: string, ...flags: string[]): Promise<number> {
    await this.ok("tasks", "kill", ...flags, `--signal=${signal}`, id);
    for (;;) {
      // It says the exit status as a warning.
      const { status, stderr } = await this.run("tasks", "delete", id);
      if (stderr.includes("must be stopped before deletion")) {
        await sleep(100);
        continue;
      }
      if (status !== 0) throw new Error(stderr);
      await this.ok("containers", "delete", id);
      return Number(/exit code (\d+)/.exec(stderr)?.[1] ?? 0);
    }
  }
}
