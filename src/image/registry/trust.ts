/**
 * Which authorities are trusted: the machine's own, as for Go programs, not those that Node brings with it.
 * An authority that an administrator has installed is so known to runt too.
 */
import { readFileSync } from "node:fs";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { RuntError } from "../../errors.ts";
import type { HostTls } from "./host.ts";

/** The machine's list in one file: Debian and Arch, Fedora, SUSE, older Red Hat, Alpine. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

type Environment = Readonly<Record<string, string | undefined>>;

function systemAuthorities(environment: Environment): string[] {
  const named = environment.SSL_CERT_FILE;
  for (const path of named ? [named, ...BUNDLES] : BUNDLES) {
    try {
      return [readFileSync(path, "utf8"), ...getCACertificates("extra")];
    } catch {
      // The next one: no machine has all of them.
    }
  }
  return getCACertificates("default");
}

/**
 * TLS for a host. It costs tens of milliseconds, so one is made for all connections of a kind.
 * @throws {RuntError} InvalidArgument for certificates or keys that OpenSSL does not take
 */
export function trustFor(tls: HostTls, environment: Environment): SecureContext {
  try {
    return createSecureContext({
      minVersion: "TLSv1.2",
      ...(tls.verify === "nothing" ? {} : { ca: [...systemAuthorities(environment), ...tls.authorities] }),
      ...(tls.clients.length === 0
        ? {}
        : { cert: tls.clients.map((pair) => pair.certificate), key: tls.clients.map((pair) => pair.key) }),
    });
  } catch (cause) {
    const why = (cause as Error).message;
    throw new RuntError(
      "InvalidArgument",
      `TLS certificates are not usable: ${why}`,
      { operation: "connect" },
      cause,
    );
  }
}
