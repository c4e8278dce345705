/** Ids that root has given to a user beside its own. @see subuid(5), subgid(5) */
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { hasCode } from "./system-error.ts";

/** `count` ids from `first` on. */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** What of /etc/subuid or /etc/subgid belongs to a user; its lines have the name or the number. */
export function subordinateIds(
  file: "/etc/subuid" | "/etc/subgid",
  user: { readonly uid: number; readonly name: string | undefined },
): IdRange[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT", "EACCES")) return [];
    throw error;
  }
  return text.split("\n").flatMap((line) => {
    const [owner, first, count, ...more] = line.trim().split(":");
    const isOurs = owner === String(user.uid) || (owner !== "" && owner === user.name);
    const isRange = [first, count].every((n) => /^\d{1,10}$/.test(n ?? "")) && more.length === 0;
    return isOurs && isRange && Number(count) > 0 ? [{ first: Number(first), count: Number(count) }] : [];
  });
}

/** The user whose process this is; no name for a number that /etc/passwd does not know. */
export function ownUser(): { uid: number; gid: number; name: string | undefined } {
  const [uid, gid] = [process.geteuid!(), process.getegid!()];
  try {
    return { uid, gid, name: userInfo().username };
  } catch {
    return { uid, gid, name: undefined };
  }
}
