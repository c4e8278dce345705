/** What the errors of connections mean: their codes come from the kernel, OpenSSL, Node and undici. */
import { oneLine } from "../../spec/distribution/errors.ts";

const certificateCodes = /^(?:CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT_|HOSTNAME_MISMATCH)/;
const finalCodes = /^(?:ERR_SSL_|ERR_REDIRECT$|ERR_INVALID_|ENOTFOUND$|EPROTO$)/;
const notTlsCodes =
  /^(?:EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|ERR_SSL_TLS_RECORD_OVERFLOW|ERR_SSL_HTTP_REQUEST)$/;

/** What is wrong, of errors whose own message does not say it to whoever is not a programmer. */
const plainWords: Readonly<Record<string, string>> = {
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name service does not answer",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection lost",
  EPIPE: "connection lost",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the host",
  UND_ERR_SOCKET: "connection lost",
  UND_ERR_CONNECT_TIMEOUT: "no connection within the time limit",
};

/** The code of an error, or of the first one beneath it that has one. */
export function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  if (typeof code === "string") return code;
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : codeOf(cause);
}

/** The error in words. */
export function plainWordsFor(error: unknown): string {
  const code = codeOf(error);
  return plainWords[code] ?? (oneLine(error instanceof Error ? error.message : String(error)) || code);
}

/** The server's certificate is the trouble. */
export function isCertificateFault(error: unknown): boolean {
  return certificateCodes.test(codeOf(error));
}

/** The same request would meet this again. */
export function isFinal(error: unknown): boolean {
  return (
    (error as Error | null)?.name === "RuntError" ||
    isCertificateFault(error) ||
    finalCodes.test(codeOf(error))
  );
}

/** The server does not speak TLS. */
export function saysPlainHttp(error: unknown): boolean {
  return notTlsCodes.test(codeOf(error));
}
