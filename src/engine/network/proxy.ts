/**
 * The proxy of a container: a small process of C, `runt-proxy`, for those of its published ports that the kernel's rules
 * cannot carry. It gets its sockets from us, so that nobody waits for it, and ends with the container's cable.
 * Its arguments say what it carries: see find-proxy.ts.
 */
import { messageOf } from "../../errors.ts";
import type { Fd } from "../../linux/fd.ts";
import { bindPort } from "../../linux/inet-socket.ts";
import { nativePath } from "../../linux/native.ts";
import {
  isAlive,
  POLLIN,
  pidfd_open,
  pidfd_send_signal,
  pollSync,
  readProcessStat,
  SIGKILL,
} from "../../linux/process.ts";
import { spawnDetached } from "../../linux/spawn.ts";
import { hasCode } from "../../linux/system-error.ts";
import { bootId } from "../context.ts";
import type { NetworkContext } from "./context.ts";
import { portProblem } from "./port-claims.ts";
import { type Forward, formatForward, forwardsOf } from "./port-ways.ts";
import type { ContainerRecord, ProxyProcess } from "./record.ts";

/** How long a process that was killed may take to give its ports back. */
const patienceMs = 5000;

/**
 * Sees to it that a container has the proxy that it needs, or none. Its cables have to be there. It is started by another
 * thread, beginning at once.
 * @returns the record with what there is now; the same if nothing has changed
 * @throws {RuntError} AlreadyExists: somebody has taken a port meanwhile
 * @throws {SystemError} why it could not be started
 */
export async function withProxy(record: ContainerRecord): Promise<ContainerRecord> {
  const wanted = forwardsOf(record);
  const { proxy, ...rest } = record;
  if (!proxy && wanted.length === 0) return record;
  if (proxy && isRunning(proxy) && isSame(wanted.map(formatForward), proxy.forwards)) return record;
  if (proxy) stopProxy(record);
  const started = await startProxy(wanted);
  return started ? { ...rest, proxy: started } : rest;
}

/** The same where something else has to be done whatever becomes of the proxy. */
export async function withProxyIfPossible(
  context: NetworkContext,
  record: ContainerRecord,
): Promise<ContainerRecord> {
  try {
    return await withProxy(record);
  } catch (error) {
    context.log(`published ports of container ${record.id.slice(0, 12)}: ${messageOf(error)}`);
    return record;
  }
}

/** Kills it. @returns its pidfd, the caller's, by which to wait for its end; undefined where there is nobody */
export function killProxy({ proxy }: ContainerRecord): Fd | undefined {
  if (!proxy) return undefined;
  try {
    using stack = new DisposableStack();
    const pidfd = stack.use(pidfd_open(proxy.pid));
    if (!isRunning(proxy)) return undefined;
    pidfd_send_signal(pidfd, SIGKILL);
    stack.move();
    return pidfd;
  } catch (error) {
    if (hasCode(error, "ESRCH", "EINVAL")) return undefined;
    throw error;
  }
}

/** Its ports are free afterwards, which takes a fraction of a millisecond. */
export function waitForProxy(pidfd: Fd | undefined): void {
  if (pidfd) pollSync(pidfd.n, POLLIN, patienceMs);
}

function stopProxy(record: ContainerRecord): void {
  using pidfd = killProxy(record);
  waitForProxy(pidfd);
}

function isRunning(proxy: ProxyProcess): boolean {
  return proxy.bootId === bootId() && isAlive(proxy.pid, proxy.startTime);
}

/** In whatever order. */
function isSame(a: readonly string[], b: readonly string[]): boolean {
  const known = new Set(b);
  return a.length === b.length && a.every((text) => known.has(text));
}

/** Of its command line, from which they can be read back: "tcp/::1/8080", "10.86.0.2", "80". */
function wordsOf(forward: Forward): string[] {
  const [protocol, from, hostPort, address, port] = formatForward(forward).split(" ") as string[];
  return [`${protocol}/${from}/${hostPort}`, address!, port!];
}

async function startProxy(wanted: readonly Forward[]): Promise<ProxyProcess | undefined> {
  using sockets = new DisposableStack();
  const bound = wanted.flatMap((forward) => {
    const fd = bindForward(forward);
    return fd ? [{ forward, fd: sockets.use(fd) }] : [];
  });
  if (bound.length === 0) return undefined;
  const doors = bound.flatMap(({ forward }) => wordsOf(forward));
  const program = process.env.RUNT_PROXY ?? nativePath("runt-proxy");
  const words = ["runt-proxy", bound[0]!.forward.way.hostLink, ...doors];
  const pid = await spawnDetached(
    program,
    words,
    bound.map(({ fd }) => fd),
  );
  const startTime = readProcessStat(pid)?.startTime ?? 0;
  return { pid, startTime, bootId: bootId(), forwards: wanted.map(formatForward) };
}

/** Undefined where there is no such address because the machine has no IPv6, and it was not asked for by name. */
function bindForward({ hostAddress, port }: Forward): Fd | undefined {
  try {
    return bindPort(port.protocol, hostAddress, port.hostPort).fd;
  } catch (error) {
    if (port.hostAddress === "" && hasCode(error, "EAFNOSUPPORT", "EADDRNOTAVAIL")) return undefined;
    throw portProblem(error, port, port.hostPort);
  }
}
