/** The systemd manager over D-Bus: the few calls that a container's scope needs. */
import { existsSync, readFileSync } from "node:fs";
import { RuntError } from "../../../errors.ts";
import { DBusConnection, DBusError } from "../../../linux/dbus.ts";
import type { DBusValue, Variant } from "../../../linux/dbus-wire.ts";
import { hasCode } from "../../../linux/system-error.ts";
import type { Property } from "./properties.ts";

const jobLimitMs = 30_000;

const manager = {
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
};

/** Is systemd the init of this machine? @see sd_booted(3) */
export function isSystemdBooted(): boolean {
  return existsSync("/run/systemd/system");
}

export class SystemdManager implements Disposable {
  readonly #bus: DBusConnection;
  /** "252" of "252.38-1~deb12u1". */
  readonly version: number;

  private constructor(bus: DBusConnection, version: number) {
    this.#bus = bus;
    this.version = version;
  }

  /**
   * Connects to the manager of the machine, or for an ordinary user to the one of the session.
   * @throws {RuntError} FailedPrecondition where there is none; PermissionDenied where it does not let us in
   */
  static async connect(whose: "system" | "user"): Promise<SystemdManager> {
    const bus = await openBus(whose);
    try {
      if (bus.isBus)
        await bus.connection.addMatch(`type='signal',interface='${manager.interface}',member='JobRemoved'`);
      await bus.connection.call({ ...manager, member: "Subscribe" }).catch(ignore("AlreadySubscribed"));
      const version = await getProperty(bus.connection, "Version");
      return new SystemdManager(bus.connection, Number(/\d+/.exec(String(version))?.[0] ?? 0));
    } catch (error) {
      bus.connection[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Starts a scope with these properties and waits for it.
   * @throws {DBusError} what systemd says; {RuntError} Unavailable when it does not get done
   */
  async startTransientUnit(unit: string, properties: readonly Property[]): Promise<void> {
    const call = { ...manager, member: "StartTransientUnit", signature: "ssa(sv)a(sa(sv))" };
    const start = (): Promise<string> =>
      this.#job(unit, () => this.#bus.call({ ...call, args: [unit, "replace", properties, []] }));
    let result: string;
    try {
      result = await start();
    } catch (error) {
      if (!isDBusError(error, "UnitExists")) throw error;
      // It may be what is left of one that failed. Told to forget it, systemd does.
      await this.resetFailedUnit(unit);
      result = await start();
    }
    if (result === "done") return;
    await this.resetFailedUnit(unit);
    throw new RuntError("Unavailable", `systemd could not start ${unit}: ${result}`, {
      operation: "create",
      subject: unit,
    });
  }

  async setUnitProperties(unit: string, properties: readonly Property[]): Promise<void> {
    const args = [unit, true, properties];
    await this.#bus.call({ ...manager, member: "SetUnitProperties", signature: "sba(sv)", args });
  }

  /** Stops a unit and forgets it. One that is gone is fine. */
  async stopUnit(unit: string): Promise<void> {
    try {
      const args = [unit, "replace"];
      await this.#job(unit, () => this.#bus.call({ ...manager, member: "StopUnit", signature: "ss", args }));
    } catch (error) {
      if (!isDBusError(error, "NoSuchUnit")) throw error;
    }
    await this.resetFailedUnit(unit);
  }

  async resetFailedUnit(unit: string): Promise<void> {
    const args = [unit];
    await this.#bus
      .call({ ...manager, member: "ResetFailedUnit", signature: "s", args })
      .catch(ignore("NoSuchUnit"));
  }

  /** Moves processes into a unit that runs. @param subcgroup "/" or a path below the unit's cgroup */
  async attachProcessesToUnit(unit: string, subcgroup: string, pids: readonly number[]): Promise<void> {
    const args = [unit, subcgroup, pids];
    await this.#bus.call({ ...manager, member: "AttachProcessesToUnit", signature: "ssau", args });
  }

  [Symbol.dispose](): void {
    this.#bus[Symbol.dispose]();
  }

  /** Does `call`, which makes a job, and waits for its end. @returns the job's result: "done", "failed", … */
  async #job(unit: string, call: () => Promise<readonly DBusValue[]>): Promise<string> {
    const abort = new AbortController();
    // Listening begins before the call: the signal may come before the answer.
    const removed = this.#bus.waitFor(
      (signal) => signal.member === "JobRemoved" && signal.body[2] === unit,
      abort.signal,
    );
    removed.catch(() => {});
    const timeout = setTimeout(() => abort.abort(tooSlow(unit)), jobLimitMs);
    try {
      await call();
      return String((await removed).body[3]);
    } catch (error) {
      abort.abort(error);
      throw error;
    } finally {
      clearTimeout(timeout);
    }
  }
}

function tooSlow(unit: string): RuntError {
  return new RuntError("Unavailable", `systemd did not finish with ${unit} within ${jobLimitMs / 1000} s`, {
    operation: "create",
    subject: unit,
  });
}

/** Is it the error "org.freedesktop.systemd1.<name>"? */
export function isDBusError(error: unknown, name: string): boolean {
  return error instanceof DBusError && error.errorName.endsWith(`.${name}`);
}

function ignore(name: string): (error: unknown) => undefined {
  return (error) => {
    if (!isDBusError(error, name)) throw error;
    return undefined;
  };
}

async function getProperty(bus: DBusConnection, name: string): Promise<DBusValue> {
  const [variant] = await bus.call({
    ...manager,
    interface: "org.freedesktop.DBus.Properties",
    member: "Get",
    signature: "ss",
    args: [manager.interface, name],
  });
  return (variant as Variant).value;
}

interface OpenBus {
  readonly connection: DBusConnection;
  readonly isBus: boolean;
}

/** The manager's own socket before the bus: it is there without a D-Bus daemon, and one hop shorter. */
async function openBus(whose: "system" | "user"): Promise<OpenBus> {
  const sockets = whose === "system" ? systemSockets() : userSockets();
  let last: unknown;
  for (const { path, isBus } of sockets) {
    try {
      return { connection: await DBusConnection.open(path, { uid: uidOutside(), bus: isBus }), isBus };
    } catch (error) {
      last = error;
    }
  }
  const kind =
    hasCode(last, "EACCES", "EPERM") || last instanceof DBusError ? "PermissionDenied" : "FailedPrecondition";
  throw new RuntError(
    kind,
    `cannot reach systemd over D-Bus${last instanceof Error ? `: ${last.message}` : ""}`,
    {
      operation: "create",
      hint:
        whose === "user"
          ? "log in with a session of one's own (dbus-user-session, loginctl enable-linger), or use --cgroup-manager cgroupfs"
          : "use --cgroup-manager cgroupfs on a host without systemd",
    },
    last,
  );
}

interface Socket {
  readonly path: string;
  readonly isBus: boolean;
}

function systemSockets(): Socket[] {
  return [
    { path: "/run/systemd/private", isBus: false },
    { path: busPath(process.env.DBUS_SYSTEM_BUS_ADDRESS) ?? "/run/dbus/system_bus_socket", isBus: true },
  ];
}

function userSockets(): Socket[] {
  const runtime = process.env.XDG_RUNTIME_DIR;
  const bus = busPath(process.env.DBUS_SESSION_BUS_ADDRESS) ?? (runtime && `${runtime}/bus`);
  return [
    ...(runtime ? [{ path: `${runtime}/systemd/private`, isBus: false }] : []),
    ...(bus ? [{ path: bus, isBus: true }] : []),
  ];
}

/** "unix:path=/run/user/1000/bus,guid=…" → the path. */
function busPath(address: string | undefined): string | undefined {
  const path = address
    ?.split(";")
    .map((each) => /^unix:(?:.*,)?path=([^,]+)/.exec(each)?.[1])
    .find((each) => each !== undefined);
  return path === undefined ? undefined : decodeURIComponent(path);
}

/** Our uid as the other end of a socket sees it, also from within a user namespace. */
export function uidOutside(): number {
  const uid = process.geteuid?.() ?? 0;
  for (const line of readFileSync("/proc/self/uid_map", "latin1").trim().split("\n")) {
    const [inside = 0, outside = 0, size = 0] = line.trim().split(/\s+/).map(Number);
    if (uid >= inside && uid < inside + size) return outside + uid - inside;
  }
  return uid;
}
