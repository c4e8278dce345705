/** Ports to be published: as numbers, as `-p` has them, or in parts. */
import { RuntError } from "../../errors.ts";
import type { PortRequest } from "../request.ts";

export type PortOption =
  | number
  | string
  | {
      readonly container: number;
      /** Left out or 0: one that is free. */
      readonly host?: number;
      /** Left out: every address of the host. */
      readonly address?: string;
      readonly protocol?: "tcp" | "udp" | "sctp";
    };

/** @throws {RuntError} InvalidArgument */
export function portsOf(options: readonly PortOption[]): PortRequest[] {
  return options.map(portOf);
}

const form = /^(?:(?:\[([0-9a-f:.]+)\]|(\d+\.\d+\.\d+\.\d+)):)?(?:(\d*):)?(\d+)(?:\/(tcp|udp|sctp))?$/i;

function portOf(option: PortOption): PortRequest {
  if (typeof option === "string") {
    const match = form.exec(option);
    if (!match) throw badPort(option, 'as in 80, "80/udp", "8080:80" or "127.0.0.1:8080:80"');
    const [, v6, v4, host, container, protocol = "tcp"] = match;
    return checked(option, {
      hostIp: v6 ?? v4,
      hostPort: Number(host || 0),
      containerPort: Number(container),
      protocol: protocol.toLowerCase() as PortRequest["protocol"],
    });
  }
  const {
    container,
    host = 0,
    address,
    protocol = "tcp",
  } = typeof option === "number" ? { container: option } : option;
  return checked(option, { hostIp: address, hostPort: host, containerPort: container, protocol });
}

function checked(option: PortOption, request: Omit<PortRequest, "hostPortEnd">): PortRequest {
  const { hostPort, containerPort } = request;
  const isPort = (n: number, least: number): boolean => Number.isInteger(n) && n >= least && n <= 65535;
  if (!isPort(hostPort, 0) || !isPort(containerPort, 1)) throw badPort(option, "ports are 1 to 65535");
  return { ...request, hostPortEnd: undefined };
}

function badPort(option: PortOption, why: string): RuntError {
  return new RuntError("InvalidArgument", `ports: ${JSON.stringify(option)}: ${why}`, {
    operation: "create",
    subject: "ports",
  });
}
