/** What the `features` document says about seccomp. @see runtime-spec 1.3 features-linux.md#seccomp */
import { Arch, SeccompAction, SeccompFlag, SeccompOperator } from "../../spec/runtime/seccomp-words.ts";

/** `linux.seccomp` of the features document. */
export interface SeccompFeatures {
  readonly enabled: true;
  readonly actions: string[];
  readonly operators: string[];
  readonly archs: string[];
  readonly knownFlags: string[];
  readonly supportedFlags: string[];
}

/**
 * The features, given the flags the running kernel takes. Known architectures include those that only another machine
 * runs: a profile may list them.
 */
export function seccompFeatures(supportedFlags: readonly SeccompFlag[]): SeccompFeatures {
  return {
    enabled: true,
    actions: Object.keys(SeccompAction).sort(),
    operators: Object.keys(SeccompOperator).sort(),
    archs: Object.keys(Arch).sort(),
    knownFlags: Object.keys(SeccompFlag),
    supportedFlags: [...supportedFlags],
  };
}
