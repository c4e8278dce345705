/** The features document of this runtime. @see runtime-spec 1.3 features.md, features-linux.md */
import { kernelRelease } from "../linux/uname.ts";
import { CAPABILITIES } from "../spec/runtime/capabilities.ts";
import type { Features } from "../spec/runtime/features.ts";
import { hookNames } from "../spec/runtime/hooks.ts";
import { MEMORY_POLICY_FLAGS, MEMORY_POLICY_MODES } from "../spec/runtime/memory-policy-words.ts";
import { mountOptions } from "../spec/runtime/mount-options.ts";
import { namespaceTypes } from "../spec/runtime/namespaces.ts";
import { SeccompFlag } from "../spec/runtime/seccomp-words.ts";
import { OCI_VERSION_MAX, OCI_VERSION_MIN } from "../spec/runtime/versions.ts";
import { seccompFeatures } from "./seccomp/features.ts";

/** Which build of runt it is that describes itself. */
export interface Build {
  readonly version: string;
  readonly commit: string;
}

const yes = { enabled: true } as const;
const no = { enabled: false } as const;

/** What runt can do: the same on every host, but for the seccomp flags that the running kernel takes. */
export function features(build: Build): Features {
  return {
    ociVersionMin: OCI_VERSION_MIN,
    ociVersionMax: OCI_VERSION_MAX,
    hooks: [...hookNames],
    mountOptions: [...mountOptions],
    linux: {
      namespaces: [...namespaceTypes],
      capabilities: Object.keys(CAPABILITIES),
      cgroup: { v1: false, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: seccompWithArrays(),
      apparmor: yes,
      selinux: yes,
      intelRdt: no,
      memoryPolicy: { modes: Object.keys(MEMORY_POLICY_MODES), flags: Object.keys(MEMORY_POLICY_FLAGS) },
      mountExtensions: { idmap: yes },
      netDevices: yes,
    },
    annotations: {
      "org.opencontainers.runc.checkpoint.enabled": "false",
      "run.runt.commit": build.commit,
      "run.runt.version": build.version,
    },
    potentiallyUnsafeConfigAnnotations: ["bundle", "org.systemd.property.", "org.criu.config"],
  };
}

function seccompWithArrays() {
  const { actions, operators, archs, knownFlags, supportedFlags, ...rest } = seccompFeatures(flagsOfKernel());
  return {
    ...rest,
    actions: [...actions],
    operators: [...operators],
    archs: [...archs],
    knownFlags: [...knownFlags],
    supportedFlags: [...supportedFlags],
  };
}

/** Linux 5.19 is the youngest one that a flag came with; the others are older than what runt needs. */
function flagsOfKernel(): SeccompFlag[] {
  const [major = 0, minor = 0] = kernelRelease().split(".").map(Number);
  const isYoung = major > 5 || (major === 5 && minor >= 19);
  const all = Object.keys(SeccompFlag) as SeccompFlag[];
  return all.filter((flag) => isYoung || flag !== "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
}
