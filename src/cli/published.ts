/** Published ports in docker's words. */
import type { NetworkSettings } from "../engine/network-driver.ts";

interface Mapping {
  /** "0.0.0.0", "[::]"; "" for one that is exposed only. */
  readonly ip: string;
  readonly host: number;
  readonly container: number;
  readonly protocol: string;
}

/** "0.0.0.0:8000-8002->80-82/tcp, 443/tcp": what follows each other is put together. */
export function publishedText(
  ports: NetworkSettings["ports"],
  exposed: readonly string[],
  isUp: boolean,
): string {
  if (!isUp) return "";
  const all: NetworkSettings["ports"] = {
    ...Object.fromEntries(exposed.map((port) => [port, null])),
    ...ports,
  };
  const mappings = Object.entries(all).flatMap(([port, bindings]): Mapping[] => {
    const [number, protocol = "tcp"] = port.split("/") as [string, string?];
    const container = Number(number);
    if (!bindings || bindings.length === 0) return [{ ip: "", host: 0, container, protocol }];
    return bindings.map(({ hostIp, hostPort }) => ({
      ip: bracketed(hostIp),
      host: hostPort,
      container,
      protocol,
    }));
  });
  mappings.sort(
    (a, b) =>
      compare(b.ip === "" ? 0 : 1, a.ip === "" ? 0 : 1) ||
      compare(a.ip, b.ip) ||
      compare(a.protocol, b.protocol) ||
      a.container - b.container ||
      a.host - b.host,
  );
  const runs: Mapping[][] = [];
  for (const mapping of mappings) {
    const last = runs.at(-1)?.at(-1);
    if (last && follows(last, mapping)) runs.at(-1)!.push(mapping);
    else runs.push([mapping]);
  }
  return runs.map(textOf).join(", ");
}

function follows(a: Mapping, b: Mapping): boolean {
  const isNext = b.container === a.container + 1 && a.ip === b.ip && a.protocol === b.protocol;
  return isNext && (a.ip === "" || b.host === a.host + 1);
}

function textOf(run: readonly Mapping[]): string {
  const [first, last] = [run[0]!, run.at(-1)!];
  const range = (from: number, to: number) => (from === to ? String(from) : `${from}-${to}`);
  const container = `${range(first.container, last.container)}/${first.protocol}`;
  return first.ip === "" ? container : `${first.ip}:${range(first.host, last.host)}->${container}`;
}

/** As docker writes addresses that a port follows. */
export function bracketed(ip: string): string {
  return ip.includes(":") ? `[${ip}]` : ip || "0.0.0.0";
}

function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
