/** Whether the name responder runs. It holds a lock from its start to its end. */
import { constants, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { Fd } from "../../linux/fd.ts";
import { tryLock } from "../../linux/flock.ts";
import { hasCode } from "../../linux/system-error.ts";
import { type NetworkContext, places } from "./context.ts";

type Root = Pick<NetworkContext, "root">;

/** It ends only while it has the root's lock too: so the answer is good as long as the caller has that one. */
export function isResponderRunning({ root }: Root): boolean {
  const path = join(places.dns(root), "lock");
  mkdirSync(places.dns(root), { recursive: true, mode: 0o700 });
  using lock = new Fd(openSync(path, constants.O_RDONLY | constants.O_CREAT, 0o600));
  return !tryLock(lock.n, path);
}

/**
 * Whether none runs, for who knows of a container that wants one. While somebody is busy with networks nobody knows: he may
 * be starting it, and looking would be in its way.
 */
export function isResponderMissing(context: Root): boolean {
  const path = places.lock(context.root);
  try {
    using lock = new Fd(openSync(path, constants.O_RDONLY));
    return tryLock(lock.n, path) && !isResponderRunning(context);
  } catch (error) {
    // No network was ever used.
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
