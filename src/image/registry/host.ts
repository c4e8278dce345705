/** One server that has a repository's content: the registry itself or a mirror of it. */

/** What a server may be used for: content by digest, tags to digests, and uploads. */
export type Capability = "pull" | "resolve" | "push";

/** How TLS proves both sides. */
export interface HostTls {
  /** PEM texts of authorities that are trusted besides the system's. */
  readonly authorities: readonly string[];
  /** PEM texts of this side's certificates with their keys. */
  readonly clients: readonly { readonly certificate: string; readonly key: string }[];
  /** Whether the server's certificate is looked at. */
  readonly verify: "certificate" | "nothing";
}

/** A server and how it is spoken to. */
export interface RegistryHost {
  /** Ends in "/": "https://registry-1.docker.io/v2/". */
  readonly base: URL;
  readonly capabilities: ReadonlySet<Capability>;
  readonly tls: HostTls;
  /** Sent with every request to this server. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether plain HTTP is tried where the server turns out not to speak TLS. */
  readonly plainHttp: "never" | "fallback";
  /** The registry that a mirror is asked on behalf of: its `ns` parameter. */
  readonly namespace: string | undefined;
  /** In milliseconds, where the configuration gives one. */
  readonly connectTimeoutMs: number | undefined;
}

/** TLS as a host has it of which nothing is configured. */
export const systemTls: HostTls = { authorities: [], clients: [], verify: "certificate" };

/** All that a registry can do. */
export const everything: ReadonlySet<Capability> = new Set<Capability>(["pull", "resolve", "push"]);

/** Whether `hostname`, perhaps an IPv6 address in brackets, is this machine. */
export function isLoopback(hostname: string): boolean {
  const plain = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return (
    plain === "localhost" ||
    plain.endsWith(".localhost") ||
    plain === "::1" ||
    /^127(?:\.\d{1,3}){3}$/.test(plain)
  );
}
