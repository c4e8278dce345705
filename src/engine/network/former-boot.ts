/**
 * What the last boot of the machine has left: leases, claims and records of a kernel that is gone. A namespace of today
 * may have the number that one of yesterday had, so none of it may be believed.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { bootId } from "../context.ts";
import { type NetworkContext, places } from "./context.ts";
import { namesIn, readText, replaceFile } from "./files.ts";
import { readRecord, recordedIds, removeRecord, writeRecord } from "./record.ts";

/**
 * Forgets it, once for each boot. What plugins keep on disk outlives a reboot, so of their networks enough stays to ask
 * them to remove it. With the lock.
 */
export function forgetFormerBoot({ root }: NetworkContext): void {
  const stamp = join(root, "boot");
  const before = readText(stamp);
  const now = bootId();
  if (before === now) return;
  if (before !== undefined) {
    for (const name of namesIn(places.members(root))) rmSync(join(places.members(root), name));
    rmSync(places.ports(root), { force: true });
    for (const id of recordedIds(root)) {
      const record = readRecord(root, id);
      const attachments = record?.attachments.filter(({ driver }) => driver === "cni") ?? [];
      if (record && attachments.length > 0)
        writeRecord(root, {
          ...record,
          namespace: "",
          stage: "pending",
          attachments,
          ports: [],
          proxy: undefined,
        });
      else removeRecord(root, id);
    }
  }
  // Last: who is killed before has it done again.
  replaceFile(stamp, now, "memory");
}
