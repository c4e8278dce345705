/** The `linux.resources.blockIO` section. @see runtime-spec 1.3 config-linux.md#block-io */
import { integer, uint32, uint64 } from "./leaves.ts";
import { type Infer, list, object, optional } from "./schema.ts";

/** 10 to 1000. Docker writes 0 for "not set". */
const weight = optional(integer(10, 1000), 0);

/** Weight of one device; has a weight or a leafWeight once checked. */
export const LinuxWeightDevice = object(() => ({
  major: uint32,
  minor: uint32,
  weight,
  /** cgroup v1 only. */
  leafWeight: weight,
}));
export type LinuxWeightDevice = Infer<typeof LinuxWeightDevice>;

export const LinuxThrottleDevice = object(() => ({
  major: uint32,
  minor: uint32,
  /** Bytes or operations per second. */
  rate: uint64,
}));
export type LinuxThrottleDevice = Infer<typeof LinuxThrottleDevice>;

const throttles = list(LinuxThrottleDevice);

export const LinuxBlockIO = object(() => ({
  weight,
  /** cgroup v1 only. */
  leafWeight: weight,
  weightDevice: list(LinuxWeightDevice),
  throttleReadBpsDevice: throttles,
  throttleWriteBpsDevice: throttles,
  throttleReadIOPSDevice: throttles,
  throttleWriteIOPSDevice: throttles,
}));
export type LinuxBlockIO = Infer<typeof LinuxBlockIO>;
