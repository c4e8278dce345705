/** CPU lists as bit masks. */

/**
 * "1,3-5" as the bytes that systemd takes, lowest CPU in the lowest bit of the first one.
 * @returns undefined for what is no list, or an empty one
 */
export function cpuMask(list: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (const part of list.split(",").map((each) => each.trim())) {
    if (part === "") continue;
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!match || last < first) return undefined;
    for (let cpu = first; cpu <= last; cpu++) {
      while (bytes.length <= cpu >> 3) bytes.push(0);
      bytes[cpu >> 3] = (bytes[cpu >> 3] ?? 0) | (1 << (cpu & 7));
    }
  }
  return bytes.length === 0 ? undefined : Uint8Array.from(bytes);
}
