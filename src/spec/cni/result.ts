/** What plugins answer to ADD. @see CNI spec 1.1.0, section 5 */
import type { Origin } from "../runtime/document-error.ts";
import { nonEmptyText, optionalText, texts, uint32 } from "../runtime/leaves.ts";
import { readDocument } from "../runtime/parse.ts";
import { defaulted, type Infer, list, object, optional } from "../runtime/schema.ts";
import { compareVersions } from "./version.ts";

const Route = object(() => ({
  /** Destination, "0.0.0.0/0". */
  dst: nonEmptyText,
  /** Next hop; the gateway of the address that fits if absent. */
  gw: optionalText,
}));

const Dns = object(() => ({
  nameservers: texts,
  domain: optionalText,
  search: texts,
  options: texts,
}));

const AddResult = object(() => ({
  interfaces: list(
    object(() => ({
      name: nonEmptyText,
      mac: optionalText,
      /** Namespace it is in; absent on the host. */
      sandbox: optionalText,
    })),
  ),
  ips: list(
    object(() => ({
      /** With the length of the prefix, "10.1.0.5/16". */
      address: nonEmptyText,
      gateway: optionalText,
      /** Index into `interfaces`. */
      interface: optional(uint32),
    })),
  ),
  routes: list(Route),
  dns: defaulted(Dns, () => ({})),
}));
export type AddResult = Infer<typeof AddResult>;

/** Before 0.3.0 there was one address of each family. */
const OldAddress = object(() => ({ ip: nonEmptyText, gateway: optionalText, routes: list(Route) }));
const OldResult = object(() => ({
  ip4: optional(OldAddress),
  ip6: optional(OldAddress),
  dns: defaulted(Dns, () => ({})),
}));

/** @throws {RuntError} InvalidArgument */
export function readAddResult(value: unknown, version: string, origin: Origin): AddResult {
  if (compareVersions(version, "0.3.0") >= 0) return readDocument(AddResult, value, origin);
  const { ip4, ip6, dns } = readDocument(OldResult, value, origin);
  const addresses = [ip4, ip6].flatMap((address) => address ?? []);
  return {
    interfaces: [],
    ips: addresses.map(({ ip, gateway }) => ({ address: ip, gateway, interface: undefined })),
    routes: addresses.flatMap(({ routes }) => routes),
    dns,
  };
}
