/** `--tmpfs /path[:options]`. @see docker run --tmpfs; tmpfs(5) */
import type { MountRequest } from "../../engine/request.ts";
import { cut } from "./environment.ts";
import { flagError } from "./flag-error.ts";
import { mountPoint } from "./volume.ts";

const flag = "--tmpfs";

const words =
  /^(ro|rw|(no)?exec|(no)?suid|(no)?dev|(no)?atime|(no)?diratime|(no)?relatime|strictatime|sync|async|dirsync|remount|mand|nomand|r?private|r?shared|r?slave|r?unbindable|r?bind|tmpcopyup|notmpcopyup)$/;
const values =
  /^(size=\d+(\.\d+)?(%|[kmg]?i?b?)|mode=[0-7]{1,4}|uid=\d+|gid=\d+|nr_inodes=\d+[kmg]?|nr_blocks=\d+[kmg]?|mpol=.+)$/i;

/** @throws {RuntError} InvalidArgument */
export function parseTmpfs(text: string): MountRequest {
  const [path, list] = cut(text, ":");
  const options = list === undefined || list === "" ? [] : list.split(",");
  for (const option of options) {
    if (!words.test(option) && !values.test(option)) {
      throw flagError(flag, text, `invalid tmpfs option ${JSON.stringify(option)}`);
    }
  }
  return {
    destination: mountPoint(flag, text, path),
    type: "tmpfs",
    readonly: options.includes("ro"),
    // What docker copies never is, what podman does would be.
    options: options.filter((option) => !/^(ro|rw|(no)?tmpcopyup)$/.test(option)),
  };
}
