/** How many ids a container needs, as podman finds out: by the accounts that its image has. Pure. */

const least = 1024;
const most = 65_536;

/**
 * One more than the largest id, and 1024 at least.
 * @param passwd text of the image's /etc/passwd @param group of its /etc/group @param user that the container runs as
 */
export function neededIds(passwd: string, group: string, user: string): number {
  const numbers = [...user.split(":"), ...idsOf(passwd, [2, 3]), ...idsOf(group, [2])]
    .filter((text) => /^\d{1,10}$/.test(text))
    .map(Number);
  return Math.max(least, Math.min(most, 1 + Math.max(0, ...numbers)));
}

/** But "nobody", who is 65534 nearly everywhere and has no files. */
function idsOf(text: string, columns: readonly number[]): string[] {
  return text
    .split("\n")
    .map((line) => line.split(":"))
    .filter(([name]) => name !== "nobody" && name !== "nogroup")
    .flatMap((fields) => columns.map((column) => fields[column] ?? ""));
}
