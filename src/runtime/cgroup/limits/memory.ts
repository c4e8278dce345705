/** `linux.resources.memory` → memory.swap.max, memory.max, memory.low. */
import { invalid, type JsonPath, type Origin } from "../../../spec/runtime/document-error.ts";
import type { LinuxMemory } from "../../../spec/runtime/resources.ts";
import { type ResourceWrite, write } from "./write.ts";

const at = (property: keyof LinuxMemory): JsonPath => ["linux", "resources", "memory", property];

/** -1 is no limit, 0 and absent say nothing. */
function bytes(value: number | bigint): string {
  return BigInt(value) === -1n ? "max" : String(value);
}

/** Swap goes first: the kernel then never sees the new memory limit with the old swap limit on top. */
export function memoryWrites(memory: LinuxMemory, origin: Origin): ResourceWrite[] {
  const writes: ResourceWrite[] = [];
  const swap = swapMax(memory, origin);
  if (swap !== undefined) {
    // A kernel without swap accounting has no such file, and uses no swap for the cgroup that we could limit.
    const ignore = swap === "0" || swap === "max" ? ["ENOENT"] : [];
    const asks = BigInt(memory.swap ?? 0) === 0n ? "limit" : "swap";
    writes.push(write("memory.swap.max", swap, at(asks), { ignore, noop: swap === "max" }));
  }
  const { limit = 0, reservation = 0 } = memory;
  if (BigInt(limit) !== 0n) {
    const value = bytes(limit);
    writes.push(write("memory.max", value, at("limit"), { noop: value === "max" }));
  }
  if (BigInt(reservation) !== 0n) {
    const value = bytes(reservation);
    writes.push(write("memory.low", value, at("reservation"), { noop: value === "max" }));
  }
  return writes;
}

/**
 * The v1 value counts memory and swap together, the v2 file swap alone.
 * @returns undefined to leave the file as it is
 * @throws {RuntError} InvalidArgument where the difference makes no sense
 */
export function swapMax(memory: LinuxMemory, origin: Origin): string | undefined {
  const limit = BigInt(memory.limit ?? 0);
  const swap = BigInt(memory.swap ?? 0);
  if (swap === 0n) return limit === -1n ? "max" : undefined;
  if (swap === -1n) return "max";
  if (limit === -1n) return String(swap);
  if (limit === 0n) throw invalid(origin, at("swap"), "unable to set swap limit without memory limit");
  if (swap < limit) throw invalid(origin, at("swap"), "memory+swap limit should be >= memory limit");
  return String(swap - limit);
}

/**
 * `checkBeforeUpdate`: a limit below what is in use would make the kernel kill processes to get there.
 * @param current memory.current, undefined where it cannot be read: then nothing is checked
 * @throws {RuntError} InvalidArgument, naming the limit and the usage
 */
export function checkUsage(memory: LinuxMemory, current: bigint | undefined, origin: Origin): void {
  if (!memory.checkBeforeUpdate || current === undefined) return;
  const swap = BigInt(memory.swap ?? 0);
  const limit = BigInt(memory.limit ?? 0);
  if (swap > 0n && swap <= current) {
    throw invalid(origin, at("swap"), `rejecting memory+swap limit ${swap} <= usage ${current}`);
  }
  if (limit > 0n && limit <= current) {
    throw invalid(origin, at("limit"), `rejecting memory limit ${limit} <= usage ${current}`);
  }
}
