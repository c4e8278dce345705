/** buildah in a room, with a working container. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freshName } from "../../support/bundle.ts";
import type { Outcome, Turn } from "./command.ts";
import { imageName, makeImage } from "./image.ts";
import { Room } from "./room.ts";
import { runtimePath } from "./runtime.ts";

/** buildah in its room, with a working container made from our image. */
export class Buildah {
  readonly room: Room;
  readonly #program: readonly string[];
  /** What makes it call our runtime. */
  readonly #runtime: readonly string[];
  readonly container = freshName();

  private constructor(room: Room) {
    this.room = room;
    const storage = ["root", "runroot"].map((name) => `--${name}=${join(room.directory, name)}`);
    this.#program = ["buildah", ...storage, "--storage-driver=vfs"];
    this.#runtime = ["--isolation=oci", `--runtime=${runtimePath(room.directory)}`, "--network=none"];
  }

  /** It takes the parent for the container's own cgroup, and as a path even where systemd makes cgroups. */
  get #cgroup(): string {
    return `--cgroup-parent=${this.room.cgroupPath}/buildah`;
  }

  static async open(): Promise<Buildah> {
    const buildah = new Buildah(await Room.open());
    makeImage(buildah.room.directory);
    await buildah.from(buildah.container);
    return buildah;
  }

  /** Makes a working container from our image. */
  from(name: string, ...flags: string[]): Promise<string> {
    const image = `docker-archive:${join(this.room.directory, "image.tar")}`;
    return this.room.ok([...this.#program, "from", "--name", name, this.#cgroup, ...flags, image]);
  }

  /** Runs a program in the working container. */
  run(args: readonly string[], input = "", container = this.container): Promise<Outcome> {
    const run = [...this.#program, "run", ...this.#runtime, container, "--", ...args];
    return this.room.run(run, { input });
  }

  terminal(args: readonly string[], dialogue: readonly Turn[], ...flags: string[]): Promise<Outcome> {
    const run = ["run", ...this.#runtime, ...flags, this.container, "--", ...args];
    return this.room.terminal([...this.#program, ...run], dialogue);
  }

  /** Builds a Containerfile that begins with our image. */
  build(text: string, tag: string): Promise<Outcome> {
    const file = join(this.room.directory, "Containerfile");
    writeFileSync(file, `FROM ${imageName}\n${text}`);
    const args = ["build", ...this.#runtime, this.#cgroup, "--pull-never", "--tag", tag, "--file", file];
    return this.room.run([...this.#program, ...args, this.room.directory]);
  }
}
