/** Placeholder until the netlink code lands. */
import { RuntError } from "../errors.ts";

export function moveNetworkDevice(device: string, _name: string, _pid: number): void {
  throw new RuntError("Unimplemented", `config.json: linux.netDevices: ${device}: not supported yet`, { operation: "create" });
}
