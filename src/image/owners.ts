/** Why the files of an image could not be given to their owners, for who is not root of the machine. */
import { RuntError } from "../errors.ts";
import { ownUser } from "../linux/subordinate-ids.ts";

/** The error of unpacking a layer, with what to do where it is about owners. */
export function explainOwners(error: unknown): unknown {
  if (!(error instanceof RuntError) || !/^fchown(at)?$/.test(error.site.syscall ?? "")) return error;
  const { code } = error.site;
  const hint =
    code === "EINVAL"
      ? `root gives you more: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${ownUser().name ?? "USER"}`
      : "runt's own commands enter a user namespace for that; for another program, see runt unshare --help";
  const why =
    code === "EINVAL"
      ? "an owner that this user namespace has no id for; it has those of /etc/subuid and /etc/subgid"
      : code === "EPERM"
        ? "only root, also of a user namespace, may give files to their owners"
        : undefined;
  if (why === undefined) return error;
  return new RuntError("PermissionDenied", `${error.message}: ${why}`, { ...error.site, hint }, error);
}
