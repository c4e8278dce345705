/** `linux.resources` of config.json. Pure: block devices come with their numbers. */
import type { ResourceRequest } from "../request.ts";
import type { DeviceFacts } from "./devices.ts";

/** docker's period. */
const periodUs = 100_000;

export interface ResourceFacts {
  /** Numbers of the block devices that `blkio` names: by path. */
  readonly blockDevices: ReadonlyMap<string, { readonly major: number; readonly minor: number }>;
  readonly devices: DeviceFacts;
  readonly rules: readonly DeviceRule[];
  readonly privileged: boolean;
}

export interface DeviceRule {
  readonly allow: boolean;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

export function resourcesOf(request: ResourceRequest, facts: ResourceFacts): Record<string, unknown> {
  return {
    devices: facts.privileged
      ? [{ allow: true, access: "rwm" }]
      : [{ allow: false, access: "rwm" }, ...facts.devices.rules, ...facts.rules],
    ...limitsOf(request, facts.blockDevices),
  };
}

/** The part that `update` may change. */
export function limitsOf(
  request: Partial<ResourceRequest>,
  blockDevices: ResourceFacts["blockDevices"],
): Record<string, unknown> {
  const { memory, memorySwap, memoryReservation, pids, blkioWeight, blkio = [] } = request;
  const throttle = (kind: string) =>
    blkio.flatMap((one) => {
      const device = blockDevices.get(one.path);
      return one.kind === kind && device ? [{ ...device, rate: one.rate }] : [];
    });
  return sections({
    memory: {
      limit: memory,
      reservation: memoryReservation,
      // Memory and swap together; as much swap as memory unless said.
      swap: memorySwap ?? (memory !== undefined && memory > 0 ? memory * 2 : undefined),
    },
    cpu: {
      shares: request.cpuShares,
      ...(request.cpus === undefined
        ? { period: request.cpuPeriodUs, quota: request.cpuQuotaUs }
        : { period: periodUs, quota: Math.round(request.cpus * periodUs) }),
      cpus: request.cpusetCpus,
      mems: request.cpusetMems,
    },
    // 0 and less: no limit, which is how it is without one, but for `update`.
    pids: { limit: pids === undefined ? undefined : pids > 0 ? pids : -1 },
    blockIO: {
      weight: blkioWeight,
      throttleReadBpsDevice: throttle("readBps"),
      throttleWriteBpsDevice: throttle("writeBps"),
      throttleReadIOPSDevice: throttle("readIops"),
      throttleWriteIOPSDevice: throttle("writeIops"),
    },
    unified: request.unified ?? {},
  });
}

/** Without what says nothing. */
function sections(all: Record<string, Record<string, unknown>>): Record<string, unknown> {
  const said = (value: unknown): boolean =>
    value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(
    Object.entries(all)
      .map(
        ([name, section]) =>
          [name, Object.fromEntries(Object.entries(section).filter(([, v]) => said(v)))] as const,
      )
      .filter(([, section]) => Object.keys(section).length > 0),
  );
}

/** `--device-cgroup-rule`: "c 1:3 rwm", "a *:* rwm". Undefined for what cannot be read. */
export function parseDeviceRule(text: string): DeviceRule | undefined {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text.trim());
  if (!match) return undefined;
  const number = (word: string): number | undefined => (word === "*" ? undefined : Number(word));
  const [, type, major, minor, access] = match as unknown as [string, string, string, string, string];
  const numbers = { major: number(major), minor: number(minor) };
  return {
    allow: true,
    type,
    access,
    ...(numbers.major !== undefined && { major: numbers.major }),
    ...(numbers.minor !== undefined && { minor: numbers.minor }),
  };
}
