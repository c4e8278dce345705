/** The host's side of a plan: one small function for each kind of step. */
import { constants, fstatSync, openSync } from "node:fs";
import { type ErrorKind, RuntError } from "../../errors.ts";
import type { Abort } from "../../linux/abort.ts";
import { Fd } from "../../linux/fd.ts";
import { check, I32, I64, syscall, Text } from "../../linux/ffi.ts";
import { pidfd_getfd, pidfd_open } from "../../linux/process.ts";
import { connectUnix, SOCK_STREAM, sendFds } from "../../linux/socket.ts";
import { SYS } from "../../linux/syscall-numbers.ts";
import type { HookState } from "../plan/hooks.ts";
import type { HostStep } from "../plan/plan.ts";

/** What the steps need that is not in the plan, because it lives: objects and callbacks. */
export interface StepSurroundings {
  readonly operation: string;
  /** For hooks and for the seccomp agent. */
  readonly state: HookState;
  /** Makes the state directory. */
  readonly saveState: () => void;
  /** Makes the cgroup with its limits; its directory, which stays the callee's, is where init will be born. */
  readonly makeCgroup: () => Promise<Fd | undefined> | Fd | undefined;
  /** Puts a process into the cgroup. */
  readonly attachCgroup: (pid: number) => Promise<void>;
}

/** Why a network device stays where it is. */
const deviceErrors: Record<string, (name: string) => [ErrorKind, string]> = {
  ENODEV: () => ["NotFound", "the host has no such network device"],
  EEXIST: (name) => ["AlreadyExists", `the container's network namespace has a device ${name} already`],
  EPERM: () => ["PermissionDenied", "moving a network device needs CAP_NET_ADMIN on the host"],
};

const S_IFIFO = 0o010000;

export class HostSteps implements Disposable {
  /** Of init, once the shim has told it. */
  pid = 0;
  /** Number of the seccomp listener in init. */
  listener = -1;
  /** Whether there is a cgroup for init to be born in. */
  hasCgroup = false;
  readonly #surroundings: StepSurroundings;
  readonly #fds = new Map<string, number>();
  readonly #owned = new DisposableStack();

  constructor(surroundings: StepSurroundings) {
    this.#surroundings = surroundings;
  }

  /** The fd that a step opened as `slot`. */
  fd(slot: string): number {
    const fd = this.#fds.get(slot);
    if (fd === undefined) throw new TypeError(`no step opens ${slot}`);
    return fd;
  }

  /** Closes everything that the steps opened; the shim has its own copies. */
  [Symbol.dispose](): void {
    this.#owned.dispose();
  }

  /** @param abort ends a step that may take long @throws {RuntError}; its reason */
  run(step: HostStep, abort?: Abort): void | Promise<void> {
    abort?.throwIfAborted();
    try {
      return this.#run(step, abort)?.catch((error: unknown) => this.#refuse(error));
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** What the kernel says to a step, as an error of the verb: a full disk, a socket that nobody listens at. */
  #refuse(error: unknown): never {
    const { code, syscall, path, message } = error as NodeJS.ErrnoException;
    if (error instanceof RuntError || code === undefined || syscall === undefined) throw error;
    const kind =
      code === "ENOENT"
        ? "NotFound"
        : code === "EACCES" || code === "EPERM"
          ? "PermissionDenied"
          : "Unavailable";
    const site = {
      operation: this.#surroundings.operation,
      code,
      syscall,
      ...(path === undefined ? {} : { path }),
    };
    throw new RuntError(kind, message, site, error);
  }

  #run(step: HostStep, abort: Abort | undefined): void | Promise<void> {
    switch (step.step) {
      case "state":
        return this.#surroundings.saveState();
      case "cgroup":
        return this.#makeCgroup(step.slot);
      case "open":
        return this.#own(step.slot, new Fd(this.#open(step.path)));
      case "fifo":
        return this.#makeFifo(step.slot, step.path);
      case "pidfd":
        return this.#own(step.slot, pidfd_open(step.pid));
      case "connect":
        return this.#own(step.slot, connectUnix(step.path, SOCK_STREAM));
      case "inherit":
        return this.#inherit(step.slot, step.fd);
      case "attach-cgroup":
        return this.#surroundings.attachCgroup(this.pid);
      case "map-ids":
        return this.#mapIds(step.uid, step.gid);
      case "hooks":
        return this.#runHooks(step, abort);
      case "move-network-device":
        return this.#moveNetworkDevice(step.device, step.name);
      case "seccomp-listener":
        return this.#passListener(step.path, step.metadata);
    }
  }

  async #makeCgroup(slot: string | null): Promise<void> {
    const fd = await this.#surroundings.makeCgroup();
    if (slot === null || !fd) return;
    this.#fds.set(slot, fd.n);
    this.hasCgroup = true;
  }

  #own(slot: string, fd: Fd): void {
    this.#fds.set(slot, this.#owned.use(fd).n);
  }

  #open(path: string): number {
    try {
      return openSync(path, constants.O_RDONLY);
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      throw new RuntError(
        code === "ENOENT" ? "NotFound" : "PermissionDenied",
        `config.json: linux.namespaces: ${(error as Error).message}`,
        { operation: this.#surroundings.operation, subject: "config.json: linux.namespaces", path, code },
        error,
      );
    }
  }

  /** Opened for both directions, so that init's read waits for a writer instead of ending at once. */
  #makeFifo(slot: string, path: string): void {
    check(syscall(SYS.mknodat, [I32, Text, I32, I64], [-100, path, S_IFIFO | 0o600, 0]), "mknodat", { path });
    this.#own(slot, new Fd(openSync(path, constants.O_RDWR)));
  }

  #inherit(slot: string, fd: number): void {
    try {
      fstatSync(fd);
    } catch (error) {
      throw new RuntError(
        "InvalidArgument",
        `unable to stat preserved-fd ${fd} (of --preserve-fds or LISTEN_FDS)`,
        {
          operation: this.#surroundings.operation,
        },
        error,
      );
    }
    this.#fds.set(slot, fd);
  }

  async #mapIds(uid: readonly number[], gid: readonly number[]): Promise<void> {
    const { execFile } = await import("node:child_process");
    const { promisify } = await import("node:util");
    const run = promisify(execFile);
    const maps = [
      ["newgidmap", gid, "gidMappings", "/etc/subgid"],
      ["newuidmap", uid, "uidMappings", "/etc/subuid"],
    ] as const;
    for (const [program, ids, kind, ranges] of maps) {
      const subject = `config.json: linux.${kind}`;
      try {
        // Looked for in the usual places: our own environment may have no PATH.
        await run(program, [String(this.pid), ...ids.map(String)], {
          env: { PATH: "/usr/bin:/bin:/usr/local/bin:/usr/sbin" },
        });
      } catch (error) {
        const { code, stderr = "" } = error as NodeJS.ErrnoException & { stderr?: string };
        const missing = code === "ENOENT";
        throw new RuntError(
          missing ? "FailedPrecondition" : "PermissionDenied",
          missing
            ? `${subject}: more than one's own id needs ${program}(1), which is not installed (package uidmap)`
            : `${subject}: ${stderr.trim().split("\n", 1)[0] || `${program}: ${String(error)}`}`,
          {
            operation: this.#surroundings.operation,
            subject,
            hint: `ids beside one's own come from ${ranges}`,
          },
          error,
        );
      }
    }
  }

  async #runHooks({ name, hooks }: Extract<HostStep, { step: "hooks" }>, abort?: Abort): Promise<void> {
    const { runHook } = await import("../hooks/run-hook.ts");
    const { state } = this.#surroundings;
    for (const [i, hook] of hooks.entries()) await runHook(name, i, hook, { ...state, pid: this.pid }, abort);
  }

  async #moveNetworkDevice(device: string, name: string): Promise<void> {
    const { moveNetworkDevice } = await import("../../linux/netdevice.ts");
    try {
      moveNetworkDevice(device, name, this.pid);
    } catch (error) {
      throw this.#deviceError(device, name, error as NodeJS.ErrnoException);
    }
  }

  #deviceError(device: string, name: string, error: NodeJS.ErrnoException): RuntError {
    const { code = "", message } = error;
    const subject = `config.json: linux.netDevices[${JSON.stringify(device)}]`;
    const [kind, what] = deviceErrors[code]?.(name) ?? ["FailedPrecondition", message];
    return new RuntError(
      kind,
      `${subject}: ${what}`,
      { operation: this.#surroundings.operation, subject, code },
      error,
    );
  }

  /** @see runtime-spec 1.3 config-linux.md#containerprocessstate */
  #passListener(path: string, metadata: string): void {
    const { state } = this.#surroundings;
    using pidfd = pidfd_open(this.pid);
    using listener = pidfd_getfd(pidfd, this.listener);
    using agent = connectUnix(path, SOCK_STREAM);
    const document = {
      ociVersion: state.ociVersion,
      fds: ["seccompFd"],
      pid: this.pid,
      metadata,
      state: { ...state, pid: this.pid },
    };
    sendFds(agent, JSON.stringify(document), [listener.n]);
  }
}
