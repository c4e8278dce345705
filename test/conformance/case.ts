/** One behaviour of a runtime as data: a change to a configuration, what is done with it, and what is looked at. */
import type { Json } from "../support/bundle.ts";

/**
 * In strings of `config` and `steps`, @ID@ is the container's ID, @DIR@ a directory around the bundle, and @NS@
 * the namespace files of a process of the host.
 */
export interface Case {
  /** A sentence that says what the specification, or runc's manual, lets one expect. Unique. */
  readonly name: string;
  /** Where it says so: "config.md#mounts". */
  readonly spec: string;
  /** Goes over the usual configuration; its program is the probe unless this says otherwise. */
  readonly config?: Json;
  /** Files of the rootfs: content by path; a directory ends in "/". */
  readonly files?: Readonly<Record<string, string>>;
  /** Symlinks of the rootfs: target by path. */
  readonly links?: Readonly<Record<string, string>>;
  /** Files in @DIR@, named in the same way. */
  readonly beside?: Readonly<Record<string, string>>;
  /**
   * Commands of the runtime, "@" being the container's ID; `run @` by default. Beside them there are "wait STATUS",
   * "output" (what the created container wrote) and "sh SCRIPT", which runs on the host with ID, DIR, PID and CGROUP.
   * A step is split at blanks, unless it is a list of words already.
   */
  readonly steps?: readonly (string | readonly string[])[];
  /** What the probe looks at, when it is the container's program. */
  readonly paths?: readonly string[];
  /** Whether some step fails; asserted, so that no case passes because nobody ran it. */
  readonly fails?: true;
  /** Words that callers look for in the error of the last step that fails. */
  readonly says?: string;
  /**
   * "shape": of JSON documents only names and types are looked at, for values that are never the same twice;
   * "text": no value is taken for one of those.
   */
  readonly as?: "shape" | "text";
  /** Names of places to leave out, for what is known to be a matter of chance here. */
  readonly without?: readonly string[];
  /** What of the machine is asked for, in the words of test/support/needs.ts. */
  readonly needs?: readonly string[];
}

/** A case with the subject under which it is filed. */
export interface FiledCase extends Case {
  readonly subject: string;
}

/** Cases under one subject. */
export function subject(name: string, cases: readonly Case[]): FiledCase[] {
  return cases.map((one) => ({ ...one, subject: name }));
}
