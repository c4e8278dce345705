/**
 * Who the image's process is: `User` of its config, looked up in the image's own /etc/passwd and /etc/group.
 * @see passwd(5), group(5); image-spec conversion.md#parsed-fields
 */
import { RuntError } from "../../errors.ts";

/** Numbers for `process.user`, and where that user is at home. */
export interface ImageUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** "" where the image does not say. */
  readonly home: string;
}

/** The text of the image's files; "" where it has none. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

/** Names of `User`'s two halves are mapped as long as they are numbers below this. */
const maxId = 2 ** 32 - 2;

/**
 * Reads "user", "uid", "user:group", "uid:gid" and mixtures. A number needs no line in the files. Without a group the
 * user gets those that he is a member of; with one, only that.
 * @throws {RuntError} InvalidArgument for a name that the image does not know, or a number out of range
 */
export function resolveUser(user: string, { passwd, group }: UserFiles): ImageUser {
  const [userPart = "", groupPart = ""] = user.split(":", 2);
  const uid = numberOf(userPart, user);
  const line = lines(passwd).find(([name, , id]) =>
    userPart === "" ? id === "0" : uid === undefined ? name === userPart : id === String(uid),
  );
  if (!line && uid === undefined && userPart !== "")
    throw unknown(user, `no user ${userPart} in its /etc/passwd`);
  const [name, , ownUid, ownGid, , home] = line ?? [];
  const gids = groupsOf({ user, groupPart, name, group });
  return {
    uid: idOf(ownUid) ?? uid ?? 0,
    gid: gids.primary ?? idOf(ownGid) ?? 0,
    additionalGids: gids.additional,
    home: home ?? "",
  };
}

function groupsOf(wanted: {
  readonly user: string;
  readonly groupPart: string;
  /** In /etc/passwd; undefined for a number without a line. */
  readonly name: string | undefined;
  readonly group: string;
}): { primary?: number; additional: number[] } {
  const { user, groupPart, name, group } = wanted;
  if (groupPart === "") {
    const member = (list: string | undefined) => name !== undefined && (list ?? "").split(",").includes(name);
    const additional = lines(group).flatMap(([, , gid, list]) => (member(list) ? (idOf(gid) ?? []) : []));
    return { additional: [...new Set(additional)] };
  }
  const gid = numberOf(groupPart, user);
  if (gid !== undefined) return { primary: gid, additional: [] };
  const primary = idOf(lines(group).find(([candidate]) => candidate === groupPart)?.[2]);
  if (primary === undefined) throw unknown(user, `no group ${groupPart} in its /etc/group`);
  return { primary, additional: [] };
}

function lines(text: string): string[][] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}

function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}

function numberOf(text: string, user: string): number | undefined {
  if (!/^[-+]?\d+$/.test(text)) return undefined;
  const id = idOf(text);
  if (id === undefined) throw unknown(user, `${text} is not from 0 to ${maxId}`);
  return id;
}

function unknown(user: string, why: string): RuntError {
  return new RuntError("InvalidArgument", `the image's user ${JSON.stringify(user)}: ${why}`, {
    operation: "unpack",
    subject: "image config: config.User",
  });
}
