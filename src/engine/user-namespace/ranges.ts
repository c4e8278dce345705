/** Which ids a container gets: those that it asks for, the others from what nobody has. Pure. */
import type { IdRange } from "../../linux/subordinate-ids.ts";
import type { LinuxIDMapping } from "../../spec/runtime/id-mapping.ts";

/**
 * Maps ids 0 to `size` of a container.
 * @param fixed what is said already; counts as part of `size`
 * @param available ids of the host that may be given away
 * @param taken ids of the host that others have
 * @returns undefined where there are not so many
 */
export function allot(
  size: number,
  fixed: readonly LinuxIDMapping[],
  available: readonly IdRange[],
  taken: readonly IdRange[],
): LinuxIDMapping[] | undefined {
  const inside = without(
    [{ first: 0, count: size }],
    fixed.map((map) => ({ first: map.containerID, count: map.size })),
  );
  const free = without(disjoint([...available].sort((a, b) => a.first - b.first)), [
    ...taken,
    ...fixed.map((map) => ({ first: map.hostID, count: map.size })),
  ]);
  const needed = inside.reduce((sum, { count }) => sum + count, 0);
  // In one piece if there is one: the kernel takes 340 lines, and people read them.
  const whole = free.find(({ count }) => count >= needed);
  const rest = whole ? [whole] : [...free];
  const maps: LinuxIDMapping[] = [...fixed];
  for (let { first, count } of inside) {
    while (count > 0) {
      const range = rest.shift();
      if (!range) return undefined;
      const length = Math.min(count, range.count);
      maps.push({ containerID: first, hostID: range.first, size: length });
      if (length < range.count) rest.unshift({ first: range.first + length, count: range.count - length });
      first += length;
      count -= length;
    }
  }
  return maps.sort((a, b) => a.containerID - b.containerID);
}

/** Two lines of a file may give the same ids. */
function disjoint(ranges: readonly IdRange[]): IdRange[] {
  const apart: IdRange[] = [];
  for (const range of ranges) apart.push(...without([range], apart));
  return apart;
}

/** What of `ranges` is in none of `others`, in the same order. */
export function without(ranges: readonly IdRange[], others: readonly IdRange[]): IdRange[] {
  let left = [...ranges];
  for (const other of others) {
    const end = other.first + other.count;
    left = left.flatMap((range) => {
      const rangeEnd = range.first + range.count;
      if (end <= range.first || other.first >= rangeEnd) return [range];
      return [
        { first: range.first, count: other.first - range.first },
        { first: end, count: rangeEnd - end },
      ].filter(({ count }) => count > 0);
    });
  }
  return left;
}

/** @param own what our own id 0 is to be in the container @param count how many ids we have */
export function keepIdMap(own: number, count: number): LinuxIDMapping[] {
  const below = Math.min(own, count - 1);
  return [
    { containerID: 0, hostID: 1, size: below },
    { containerID: own, hostID: 0, size: 1 },
    { containerID: own + 1, hostID: below + 1, size: count - 1 - below },
  ].filter(({ size }) => size > 0);
}

/** All ids of `ranges`, from 0 on in the container. */
export function mapInOrder(ranges: readonly IdRange[]): LinuxIDMapping[] {
  let next = 0;
  return ranges.map(({ first, count }) => {
    const map = { containerID: next, hostID: first, size: count };
    next += count;
    return map;
  });
}
