/**
 * Which ports of the host are published for which container, and whether others are free: no other container may have
 * claimed them, and no program of the host.
 *
 * A file of lines like `tcp 127.0.0.1 8080 4f1c…`, with "*" for all addresses.
 */
import { type ErrorKind, RuntError } from "../../errors.ts";
import type { Fd } from "../../linux/fd.ts";
import type { InetAddress } from "../../linux/inet-address.ts";
import { bindPort, type Transport } from "../../linux/inet-socket.ts";
import { hasCode } from "../../linux/system-error.ts";
import { places } from "./context.ts";
import { readText, replaceFile } from "./files.ts";
import type { PortMapping, PublishedPort } from "./port-mapping.ts";
import { addressesOf } from "./port-ways.ts";

interface Claim {
  readonly protocol: string;
  /** "" for all. */
  readonly address: string;
  readonly port: number;
  readonly id: string;
}

/** How often another free port is asked for where one is free for one family only. */
const triesForAnyPort = 64;

/** Claims on the ports of this machine. To be read, changed and written with the lock. */
export class PortClaims {
  #claims: Claim[];

  private constructor(claims: Claim[]) {
    this.#claims = claims;
  }

  static read(root: string): PortClaims {
    const claims = (readText(places.ports(root)) ?? "").split("\n").flatMap((line) => {
      const [protocol, address, port, id] = line.split(" ");
      return protocol && address && port && id
        ? [{ protocol, address: address === "*" ? "" : address, port: Number(port), id }]
        : [];
    });
    return new PortClaims(claims);
  }

  write(root: string): void {
    const lines = this.#claims.map(
      ({ protocol, address, port, id }) => `${protocol} ${address || "*"} ${port} ${id}\n`,
    );
    replaceFile(places.ports(root), lines.join(""), "memory");
  }

  /** Containers that have claims. */
  holders(): Set<string> {
    return new Set(this.#claims.map(({ id }) => id));
  }

  /** Notes what a container has, as it is known from elsewhere. */
  restore(id: string, ports: readonly PublishedPort[]): void {
    for (const { protocol, hostAddress: address, hostPort: port } of ports) {
      this.#claims.push({ protocol, address, port, id });
    }
  }

  /** @returns whether there was something to release */
  release(id: string): boolean {
    const before = this.#claims.length;
    this.#claims = this.#claims.filter((claim) => claim.id !== id);
    return this.#claims.length < before;
  }

  /**
   * Chooses a port of the host for each mapping. The claims are as before if one cannot be had.
   * @param families of addresses of the host by which the container is reached; others need not be free
   * @throws {RuntError} AlreadyExists: somebody has it; InvalidArgument: not an address of this machine;
   *   PermissionDenied
   */
  claim(id: string, mappings: readonly PortMapping[], families: ReadonlySet<4 | 6>): PublishedPort[] {
    const before = this.#claims;
    const published: PublishedPort[] = [];
    // Kept until the end, so that a mapping does not get what an earlier one of the same container got.
    using sockets = new DisposableStack();
    try {
      for (const mapping of mappings) {
        const port = this.#choose(id, mapping, families, sockets);
        const { hostAddress, containerPort, protocol } = mapping;
        this.#claims = [...this.#claims, { protocol, address: hostAddress, port, id }];
        published.push({ hostAddress, hostPort: port, containerPort, protocol });
      }
    } catch (error) {
      this.#claims = before;
      throw error;
    }
    return published;
  }

  #choose(id: string, mapping: PortMapping, families: ReadonlySet<4 | 6>, sockets: DisposableStack): number {
    const { hostAddress, protocol } = mapping;
    const [first, last] = mapping.hostPorts;
    const addresses = addressesToTry(hostAddress, families);
    if (first === 0) return this.#chooseAny(mapping, addresses, sockets);
    let problem: unknown;
    for (let port = first; port <= last; port++) {
      const holder = this.#holder(protocol, hostAddress, port);
      if (holder !== undefined) {
        const whom = holder === id ? "this container, by another -p" : `container ${holder.slice(0, 12)}`;
        problem = taken(mapping, port, `port is already allocated to ${whom}`);
        continue;
      }
      try {
        bindAll(protocol, addresses, port, sockets);
        return port;
      } catch (error) {
        problem = portProblem(error, mapping, port);
      }
    }
    throw problem;
  }

  #chooseAny(mapping: PortMapping, addresses: readonly InetAddress[], sockets: DisposableStack): number {
    const { hostAddress, protocol } = mapping;
    let problem: unknown;
    for (let i = 0; i < triesForAnyPort; i++) {
      try {
        const { fd, port } = bindPort(protocol, addresses[0]!, 0);
        sockets.use(fd);
        if (this.#holder(protocol, hostAddress, port) !== undefined) continue;
        bindAll(protocol, addresses.slice(1), port, sockets);
        return port;
      } catch (error) {
        problem = portProblem(error, mapping, 0);
        if (!hasCode(error, "EADDRINUSE")) break;
      }
    }
    throw problem ?? taken(mapping, 0, "all ports are already allocated");
  }

  /** Whose claim stands against it. */
  #holder(protocol: Transport, address: string, port: number): string | undefined {
    return this.#claims.find(
      (claim) => claim.protocol === protocol && claim.port === port && meet(claim.address, address),
    )?.id;
  }
}

/** Whether two host addresses have one in common; "" is all, "0.0.0.0" and "::" all of a family. */
function meet(a: string, b: string): boolean {
  if (a === "" || b === "" || a === b) return true;
  const [ipv6, otherIpv6] = [a.includes(":"), b.includes(":")];
  const any = ipv6 ? "::" : "0.0.0.0";
  return ipv6 === otherIpv6 && (a === any || b === any);
}

function addressesToTry(hostAddress: string, families: ReadonlySet<4 | 6>): InetAddress[] {
  if (hostAddress !== "") return addressesOf(hostAddress);
  return addressesOf("").filter(
    ({ family }) => families.has(family) || (family === 4 && families.size === 0),
  );
}

/** All of them, or none. */
function bindAll(
  protocol: Transport,
  addresses: readonly InetAddress[],
  port: number,
  sockets: DisposableStack,
): void {
  using bound = new DisposableStack();
  for (const address of addresses) {
    try {
      bound.use<Fd>(bindPort(protocol, address, port).fd);
    } catch (error) {
      // All of both families, and the machine has no IPv6.
      if (address.value !== 0n || !hasCode(error, "EAFNOSUPPORT")) throw error;
    }
  }
  sockets.use(bound.move());
}

type About = Pick<PortMapping, "hostAddress" | "protocol">;

/** In docker's words, which programs look for. */
function taken({ hostAddress, protocol }: About, port: number, why: string): RuntError {
  const address = hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress || "0.0.0.0";
  return new RuntError("AlreadyExists", `Bind for ${address}:${port} failed: ${why}`, {
    operation: "network setup",
    subject: `port ${port}/${protocol}`,
    hint: "publish another port of the host, or none, for one that is free",
  });
}

/** What each errno says of a port. */
const refusals: Readonly<Record<string, readonly [ErrorKind, (about: About) => string]>> = {
  EADDRNOTAVAIL: ["InvalidArgument", ({ hostAddress }) => `${hostAddress} is not an address of this machine`],
  EACCES: ["PermissionDenied", () => "a port below net.ipv4.ip_unprivileged_port_start needs root"],
  EPROTONOSUPPORT: ["Unimplemented", ({ protocol }) => `this kernel has no ${protocol}`],
  ESOCKTNOSUPPORT: ["Unimplemented", ({ protocol }) => `this kernel has no ${protocol}`],
  EAFNOSUPPORT: ["Unimplemented", ({ hostAddress }) => `${hostAddress}: this kernel has no IPv6`],
};

/** What is wrong with a port, as an error for people; what has another reason stays as it is. */
export function portProblem(error: unknown, about: About, port: number): unknown {
  if (hasCode(error, "EADDRINUSE")) {
    return taken(about, port, "address already in use by a program of the host");
  }
  const { code = "", syscall = "" } = error as { code?: string; syscall?: string };
  const refusal = refusals[code];
  if (!refusal) return error;
  const [kind, what] = refusal;
  const site = { operation: "network setup", subject: `port ${port}/${about.protocol}`, code, syscall };
  return new RuntError(kind, what(about), site, error);
}
