/** What differs between two engines in a case. */
import { isDeepStrictEqual } from "node:util";
import type { Case } from "./case.ts";
import type { Peer } from "./peer.ts";

export interface Difference {
  /** The case, and what of it. */
  readonly at: string;
  readonly podman: unknown;
  readonly runt: unknown;
}

export interface Compared {
  readonly differences: readonly Difference[];
  /** All that was seen of runt. */
  readonly ours: Readonly<Record<string, unknown>>;
}

/** Both do the case at the same time. */
export async function compare(one: Case, podman: Peer, runt: Peer): Promise<Compared> {
  const results = await Promise.allSettled([podman, runt].map((peer) => seen(one, peer)));
  const [theirs, ours] = results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  }) as [Compared["ours"], Compared["ours"]];
  const differences = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])]
    .filter((key) => !isDeepStrictEqual(theirs[key], ours[key]))
    .map((key) => ({ at: `${one.name}: ${key}`, podman: theirs[key], runt: ours[key] }));
  return { differences, ours };
}

async function seen(one: Case, peer: Peer): Promise<Readonly<Record<string, unknown>>> {
  peer.begin();
  try {
    return await one.run(peer);
  } finally {
    await peer.end(...(one.after ?? []));
  }
}
