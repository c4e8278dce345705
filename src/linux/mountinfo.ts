/** /proc/PID/mountinfo: every mount that a process sees, as the kernel lists them. */
import { readFileSync } from "node:fs";

/** One line of mountinfo. @see proc_pid_mountinfo(5) */
export interface MountInfo {
  readonly id: number;
  readonly parentId: number;
  /** "8:1" */
  readonly device: string;
  /** What of the file system is mounted: a path in it. */
  readonly root: string;
  /** Where, as the process sees it. */
  readonly mountPoint: string;
  /** Options of this mount: "rw,nosuid". */
  readonly options: readonly string[];
  /** Propagation: "shared:1", "master:2", "unbindable". */
  readonly optionalFields: readonly string[];
  readonly fsType: string;
  readonly source: string;
  /** Options of the file system. */
  readonly superOptions: readonly string[];
}

/** The mounts of process `pid`, in mount order: where two lie on one directory, the later one is seen. */
export function readMountInfo(pid: number | "self" = "self"): MountInfo[] {
  return parseMountInfo(readFileSync(`/proc/${pid}/mountinfo`, "utf8"));
}

/** Reads the text of a mountinfo file. */
export function parseMountInfo(text: string): MountInfo[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(parseLine);
}

// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
function parseLine(line: string): MountInfo {
  const fields = line.split(" ");
  // The optional fields are as many as there are; a lone hyphen ends them.
  const hyphen = fields.indexOf("-", 6);
  const [id = "", parentId = "", device = "", root = "", mountPoint = "", options = ""] = fields;
  const [fsType = "", source = "", superOptions = ""] = fields.slice(hyphen + 1);
  return {
    id: Number(id),
    parentId: Number(parentId),
    device,
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(","),
    optionalFields: fields.slice(6, hyphen),
    fsType: unescapeOctal(fsType),
    source: unescapeOctal(source),
    superOptions: unescapeOctal(superOptions).split(","),
  };
}

/** Blank, tab, newline, backslash and "#" are written as three octal digits. */
function unescapeOctal(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
