/** `--ulimit` and `--sysctl`. @see getrlimit(2); docker run --sysctl */
import type { ContainerRequest, NamespaceRequest, NetworkRequest } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { cut } from "./environment.ts";
import { flagError } from "./flag-error.ts";

const group = "Limits";

export const kernelLimitOptions = {
  ulimit: {
    type: "strings",
    value: "name=soft[:hard]",
    group,
    summary: "limits of its processes: nofile=1024:4096; -1: none",
  },
  sysctl: {
    type: "strings",
    value: "name=value",
    group,
    summary: "kernel parameters of its namespaces: net.*, kernel.shm* …",
  },
} as const satisfies OptionSpecs;

const ulimitNames: ReadonlySet<string> = new Set(
  "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  ),
);

/** What each namespace has a copy of. */
const ipcSysctls: ReadonlySet<string> = new Set(
  "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced".split(
    " ",
  ),
);

/** @throws {RuntError} InvalidArgument */
export function kernelLimitsOf(
  { ulimit, sysctl }: OptionValues<typeof kernelLimitOptions>,
  { ipc }: NamespaceRequest,
  { mode }: NetworkRequest,
): Pick<ContainerRequest, "ulimits" | "sysctls"> {
  return {
    ulimits: Object.fromEntries(ulimit.map(parseUlimit)),
    sysctls: Object.fromEntries(
      sysctl.map((text) => {
        const [name, value] = cut(text);
        if (name === "" || value === undefined) throw flagError("--sysctl", text, "not name=value");
        const canonical = name.replaceAll("/", ".");
        const isIpc = ipcSysctls.has(canonical) || canonical.startsWith("fs.mqueue.");
        if (!isIpc && !canonical.startsWith("net.")) {
          throw flagError("--sysctl", text, `${canonical} is not allowed: it is the whole machine's`);
        }
        if (isIpc ? ipc === "host" : mode === "host") {
          throw flagError(
            "--sysctl",
            text,
            `${canonical} is not allowed in the host's ${isIpc ? "ipc" : "network"} namespace`,
          );
        }
        return [canonical, value];
      }),
    ),
  };
}

function parseUlimit(text: string): [name: string, limit: { soft: number; hard: number }] {
  const [given, limits] = cut(text);
  const name = given.toLowerCase().replace(/^rlimit_/, "");
  if (!ulimitNames.has(name)) {
    throw flagError(
      "--ulimit",
      text,
      `no limit is called ${JSON.stringify(given)}: ${[...ulimitNames].join(", ")}`,
    );
  }
  const [first, second] = cut(limits ?? "", ":");
  const number = (word: string) => {
    if (word === "-1" || word === "unlimited") return -1;
    if (!/^\d+$/.test(word) || !Number.isSafeInteger(Number(word)))
      throw flagError("--ulimit", text, "not name=soft[:hard]");
    return Number(word);
  };
  const soft = number(first);
  const hard = second === undefined ? soft : number(second);
  if (hard !== -1 && (soft === -1 || soft > hard)) {
    throw flagError("--ulimit", text, "the soft limit is above the hard one");
  }
  return [name, { soft, hard }];
}
