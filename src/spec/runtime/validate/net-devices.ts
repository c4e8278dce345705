/** Rules about network devices that are moved into the container. @see runtime-spec 1.3 config-linux.md#network-devices */
import type { Config } from "../config.ts";
import { show } from "../document-error.ts";
import type { Checks } from "../validate.ts";
import { namespaceOf } from "./namespaces.ts";

/** Whether the kernel takes `name` for a network device: at most 15 bytes, without "/", ":" and white space. */
export function isNetDeviceName(name: string): boolean {
  return name !== "." && name !== ".." && Buffer.byteLength(name) < 16 && /^[^/:\s]+$/.test(name);
}

export const netDeviceChecks: Checks<Config> = {
  netDevicesInOwnNamespace(config, refuse) {
    if (Object.keys(config.linux.netDevices).length > 0 && namespaceOf(config, "network") === undefined) {
      refuse(["linux", "netDevices"], "needs a network namespace in linux.namespaces");
    }
  },

  netDeviceNames(config, refuse) {
    const targets = new Map<string, string>();
    for (const [host, { name = host }] of Object.entries(config.linux.netDevices)) {
      const at = ["linux", "netDevices", host];
      if (!isNetDeviceName(host)) refuse(at, `${show(host)} is not the name of a network device`);
      if (!isNetDeviceName(name))
        refuse([...at, "name"], `${show(name)} is not the name of a network device`);
      const rival = targets.get(name);
      if (rival !== undefined && !name.includes("%d"))
        refuse([...at, "name"], `${show(name)} is also the name for ${show(rival)}`);
      targets.set(name, host);
    }
  },
};
