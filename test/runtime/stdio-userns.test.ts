/** Whose the standard streams are, where the container's root is not the host's. */
import { fstatSync, openSync } from "node:fs";
import { describe, expect } from "vitest";
import { Fd } from "../../src/linux/fd.ts";
import { pipe } from "../../src/linux/receive.ts";
import { createContainer } from "../../src/runtime/library/container.ts";
import { aBundle, freshName } from "../support/bundle.ts";
import { aContainer, stateRoot } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import { withUserns } from "./userns.ts";

const user = { process: { args: ["/probe", "--pause"], user: { uid: 5, gid: 6 } } };

/** Pipes that somebody else may have too, as streams of a process. */
class Pipes implements Disposable {
  readonly #nothing = new Fd(openSync("/dev/null", "r"));
  readonly #ends = pipe();

  get fds(): [number, number, number] {
    const { n } = this.#ends[1];
    return [this.#nothing.n, n, n];
  }

  get owner(): number {
    return fstatSync(this.#ends[1].n).uid;
  }

  [Symbol.dispose](): void {
    for (const fd of [this.#nothing, ...this.#ends]) fd[Symbol.dispose]();
  }
}

describe("standard streams and user namespaces — runc-create(8), runc-exec(8)", () => {
  asRoot("create and exec leave the pipes of their caller as they are", async () => {
    using pipes = new Pipes();
    await using c = await aContainer({
      config: { ...withUserns(), ...user },
      options: { stdio: pipes.fds },
    });
    expect(pipes.owner).toBe(0);
    await c.exec(["true"], { stdio: pipes.fds });
    expect(pipes.owner).toBe(0);
    await c.exec(["true"], { stdio: pipes.fds, giveStdio: true });
    expect(pipes.owner).toBe(100_005);
  });

  asRoot("pipes that the library makes are the process's, which can open /dev/stdout", async () => {
    await using bundle = await aBundle({
      ...withUserns(),
      process: { args: ["sh", "-c", "echo out > /dev/stdout; exec sleep 60"], user: { uid: 5, gid: 6 } },
    });
    await using c = await createContainer({
      ...{ bundle: bundle.path, id: freshName(), root: stateRoot },
    });
    await c.start();
    const [first] = await c.stdout!.take(1).toArray();
    expect(String(first)).toBe("out\n");
    const more = await c.exec(["sh", "-c", "echo more > /dev/stdout"]);
    expect(String(Buffer.concat(await more.stdout!.toArray()))).toBe("more\n");
  });
});
