/** From `linux.cgroupsPath`, as the systemd driver reads it, to the unit that holds the container. */
import { RuntError } from "../../../errors.ts";

/** A scope unit and the slice it lies in. */
export interface ScopeName {
  /** "runt-web.scope" */
  readonly unit: string;
  /** "machine.slice"; what systemd is told. */
  readonly slice: string;
  /** "/a.slice/a-b.slice": where the slice lies, from the cgroup of the manager. "" is the root. */
  readonly slicePath: string;
}

function refuse(why: string): RuntError {
  const subject = "config.json: linux.cgroupsPath";
  return new RuntError("InvalidArgument", `${subject}: ${why}`, { operation: "create", subject });
}

/**
 * Reads "slice:prefix:name". Without it, or without a slice in it, the scope goes into system.slice, and for
 * an ordinary user into user.slice.
 * @throws {RuntError} InvalidArgument for any other form and for what is no name of a unit
 */
export function scopeName(cgroupsPath: string, id: string, rootless: boolean): ScopeName {
  const parts = cgroupsPath === "" ? ["", "runt", id] : cgroupsPath.split(":");
  const [slice = "", prefix = "", name = ""] = parts;
  if (parts.length !== 3) {
    throw refuse(
      `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "${cgroupsPath}" instead`,
    );
  }
  if (name === "") throw refuse("the name of the scope must not be empty");
  if (name.endsWith(".slice")) throw refuse(`a container cannot be a slice: ${name}`);
  const unit = `${prefix ? `${prefix}-` : ""}${name}.scope`;
  if (!/^[\w:.\\@-]+$/.test(unit) || unit.length > 255)
    throw refuse(`not the name of a systemd unit: ${unit}`);
  const inSlice = slice || (rootless ? "user.slice" : "system.slice");
  return { unit, slice: inSlice, slicePath: expandSlice(inSlice) };
}

/**
 * "a-b.slice" → "/a.slice/a-b.slice": systemd nests slices by the hyphens in their names. "-.slice" is the root.
 * @throws {RuntError} InvalidArgument
 */
export function expandSlice(slice: string): string {
  if (slice === "-.slice") return "";
  const name = /^([\w:.\\@-]+)\.slice$/.exec(slice)?.[1];
  const parts = name?.split("-") ?? [""];
  if (parts.includes("")) throw refuse(`not the name of a slice: ${slice}`);
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join("-")}.slice`).join("");
}
