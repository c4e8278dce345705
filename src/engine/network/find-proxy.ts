/** Finds the proxy of a container whose record is lost: it says itself, in its arguments, whose it is and what it carries. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readProcessStat } from "../../linux/process.ts";
import { bootId } from "../context.ts";
import type { ProxyProcess } from "./record.ts";

/** What `runt-proxy` is called, and who it is. */
const program = "runt-proxy";
const nobody = "65534";

/** By the host's end of a cable; of several that have one, which cannot be, any. */
export function findProxies(): Map<string, ProxyProcess> {
  const found = new Map<string, ProxyProcess>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const proxy = pid > 1 && proxyOf(pid);
    if (proxy) found.set(proxy.cable, proxy.process);
  }
  return found;
}

function proxyOf(pid: number): { readonly cable: string; readonly process: ProxyProcess } | undefined {
  try {
    if (readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd() !== program || !isOurs(pid)) return undefined;
    const startTime = readProcessStat(pid)?.startTime;
    const [, cable, ...doors] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    if (startTime === undefined || cable === undefined || doors.length % 3 !== 0) return undefined;
    const forwards = Array.from({ length: doors.length / 3 }, (_, i) => {
      const [from, address, port] = doors.slice(3 * i);
      return `${from!.replaceAll("/", " ")} ${address} ${port} ${cable}`;
    });
    return { cable, process: { pid, startTime, bootId: bootId(), forwards } };
  } catch {
    // It has ended meanwhile; or it is hidden from us, and so none that we have started.
    return undefined;
  }
}

/** What a container or an ordinary user calls so is not meant. */
function isOurs(pid: number): boolean {
  const uids = /^Uid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]?.split(/\s+/) ?? [];
  return (
    uids.every((uid) => uid === nobody) &&
    ["net", "pid"].every(
      (kind) => readlinkSync(`/proc/${pid}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`),
    )
  );
}
