/** Other tools that read and write images, each with a place of its own that goes away with the test. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Runs a program to its end. @returns stdout @throws with stderr where it fails */
export async function tool(name: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(name, args, { maxBuffer: 1 << 28 });
  return stdout;
}

/** podman with its own storage below `directory`. */
export function podmanIn(directory: string): (...args: string[]) => Promise<string> {
  const place = (name: string): string => join(directory, `podman-${name}`);
  const where = ["--root", place("root"), "--runroot", place("run"), "--tmpdir", place("tmp")];
  return (...args) => tool("podman", ...where, "--storage-driver", "vfs", ...args);
}

/** A containerd of its own, in a mount namespace of its own. */
export class Containerd implements AsyncDisposable {
  readonly #address: string;
  readonly #daemon: ReturnType<typeof spawn>;

  private constructor(address: string, daemon: ReturnType<typeof spawn>) {
    this.#address = address;
    this.#daemon = daemon;
  }

  static async start(directory: string): Promise<Containerd> {
    const place = join(directory, "containerd");
    mkdirSync(place);
    const address = join(place, "sock");
    const config = join(place, "config.toml");
    writeFileSync(
      config,
      `version = 2
root = "${place}/root"
state = "${place}/state"
temp = "${place}/temp"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${address}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${place}/opt"
`,
    );
    const inOwnNamespace = ["-m", "--propagation", "private", "containerd", "-l", "error", "-c", config];
    const daemon = spawn("unshare", inOwnNamespace, { stdio: "ignore" });
    const started = new Containerd(address, daemon);
    for (let i = 0; ; i++) {
      try {
        await started.ctr("version");
        return started;
      } catch (error) {
        if (i === 1200 || daemon.exitCode !== null) {
          await started[Symbol.asyncDispose]();
          throw error;
        }
        await sleep(50);
      }
    }
  }

  ctr(...args: string[]): Promise<string> {
    return tool("ctr", "--address", this.#address, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) return;
    const exited = once(this.#daemon, "exit");
    this.#daemon.kill("SIGTERM");
    await exited;
  }
}
