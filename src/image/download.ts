/**
 * A file at an http or https URL, as a stream. A lost connection is taken up again where the server still has the same
 * file; what is slow may take as long as it likes, what stands still may not.
 */
import { type ErrorKind, RuntError } from "../errors.ts";
import type { NamedBytes } from "./archive/input.ts";
import type { OnProgress } from "./progress.ts";
import { isCertificateFault, plainWordsFor } from "./registry/connection-error.ts";
import { systemTls } from "./registry/host.ts";
import { type RegistryOptions, type RegistrySettings, settingsOf } from "./registry/options.ts";
import { type HttpResponse, headerOf, lengthOf } from "./registry/response.ts";
import { backOffMs, persist, wait } from "./registry/retry.ts";
import { Transport } from "./registry/transport.ts";

export interface DownloadOptions {
  /** What is done with it, for messages. */
  readonly operation: string;
  /** Time limits, the places of proxies, and the name that we give. */
  readonly registry?: RegistryOptions | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Whether somebody who writes a file's name means one that is fetched. */
export function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/**
 * The file, fetched when it is read. User and password in the URL are sent by basic authentication; its name here has
 * neither them nor the query, which may be a secret too.
 * @throws {RuntError} InvalidArgument for what is no URL; while it is read NotFound, PermissionDenied, Unavailable;
 *   the signal's reason
 */
export function download(text: string, options: DownloadOptions): NamedBytes {
  const url = URL.parse(text);
  if (url === null) {
    throw new RuntError("InvalidArgument", `${JSON.stringify(withoutSecrets(text))} is not a URL`, {
      operation: options.operation,
    });
  }
  const name = `${url.origin}${url.pathname}`;
  return { name, bytes: new Download(url, name, options).bytes() };
}

/** What a URL names, without who asks for it. */
export function withoutSecrets(text: string): string {
  return text.replace(/^(https?:\/\/)[^/?#]*@/i, "$1").replace(/[?#].*$/s, "");
}

/** A "%" that escapes nothing stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Between two reports of progress, in bytes. */
const reportEvery = 1 << 18;

class Download {
  readonly #url: URL;
  readonly #name: string;
  readonly #options: DownloadOptions;
  readonly #settings: RegistrySettings;
  readonly #authorization: Readonly<Record<string, string>>;
  #position = 0;
  #total: number | undefined;
  /** By which the server tells one state of the file from another. */
  #validator: string | undefined;

  constructor(url: URL, name: string, options: DownloadOptions) {
    const { username, password } = url;
    this.#url = new URL(url);
    this.#url.username = this.#url.password = this.#url.hash = "";
    this.#name = name;
    this.#options = options;
    this.#settings = settingsOf(options.registry ?? {});
    const user = Buffer.from(`${decoded(username)}:${decoded(password)}`);
    this.#authorization =
      username + password === "" ? {} : { authorization: `Basic ${user.toString("base64")}` };
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    const { signal } = this.#options;
    const { patience } = this.#settings;
    await using transport = new Transport(this.#settings);
    for (let vain = 0; ; ) {
      const before = this.#position;
      try {
        yield* this.#counted(await this.#open(transport));
        if (this.#total === undefined || this.#position === this.#total) break;
        throw this.#failure("Unavailable", `it ended after ${this.#position} of ${this.#total} bytes`);
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        vain = this.#position > before ? 1 : vain + 1;
        if (error instanceof RuntError || this.#validator === undefined || vain > patience.attempts) {
          throw this.#connectionFailure(error);
        }
        await wait(backOffMs(vain, patience), signal);
      }
    }
    this.#report("downloaded");
  }

  async *#counted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let reported = -reportEvery;
    for await (const chunk of body) {
      this.#position += chunk.length;
      if (this.#position - reported >= reportEvery) {
        reported = this.#position;
        this.#report("downloading");
      }
      yield chunk;
    }
  }

  #report(status: "downloading" | "downloaded"): void {
    this.#options.onProgress?.({
      type: "download",
      name: this.#name,
      status,
      current: this.#position,
      total: this.#total,
    });
  }

  /** What follows the bytes that are here. */
  async #open(transport: Transport): Promise<AsyncIterable<Uint8Array>> {
    const from = this.#position;
    const response = await this.#get(transport, from);
    const { status } = response;
    if (from === 0 && status === 200) {
      this.#total = lengthOf(response);
      this.#validator = validatorOf(response);
      this.#report("downloading");
      return response.body;
    }
    if (status === 206 && firstByteOf(response) === from) return response.body;
    // A server without ranges sends all of it again.
    if (status === 200 && validatorOf(response) === this.#validator) return skip(response.body, from);
    await response.discard();
    if (from === 0 || status >= 400) throw this.#refusal(response);
    throw this.#failure("Unavailable", "it has changed while it was downloaded");
  }

  async #get(transport: Transport, from: number): Promise<HttpResponse> {
    const { signal } = this.#options;
    const { patience } = this.#settings;
    const headers = {
      accept: "*/*",
      "accept-encoding": "identity",
      ...this.#authorization,
      ...(from > 0 && { range: `bytes=${from}-`, "if-range": this.#validator! }),
    };
    const send = () => transport.send({ method: "GET", url: this.#url, headers, tls: systemTls, signal });
    try {
      return await persist(send, patience.attempts, patience, signal);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw this.#connectionFailure(error);
    }
  }

  #refusal({ status, url }: HttpResponse): RuntError {
    const words = refusals[status];
    const answer = `${url.host} answered ${status}`;
    const kind = words?.kind ?? (status >= 500 ? "Unavailable" : "FailedPrecondition");
    return this.#failure(kind, words ? `${words.text} (${answer})` : answer);
  }

  #connectionFailure(error: unknown): RuntError {
    if (error instanceof RuntError) return error;
    const why = plainWordsFor(error);
    if (!isCertificateFault(error)) return this.#failure("Unavailable", why, undefined, error);
    const hint = "SSL_CERT_FILE names the authorities to trust where the machine's own do not suffice";
    return this.#failure("Unavailable", `the certificate is not trusted: ${why}`, hint, error);
  }

  #failure(kind: ErrorKind, what: string, hint?: string, cause?: unknown): RuntError {
    const site = { operation: this.#options.operation, subject: this.#name, ...(hint && { hint }) };
    return new RuntError(kind, `cannot download ${this.#name}: ${what}`, site, cause);
  }
}

const refusals: Readonly<Record<number, { readonly kind: ErrorKind; readonly text: string }>> = {
  401: { kind: "PermissionDenied", text: "a user name and password are wanted" },
  403: { kind: "PermissionDenied", text: "access denied" },
  404: { kind: "NotFound", text: "not found" },
  407: { kind: "PermissionDenied", text: "the proxy wants a user name and password" },
  410: { kind: "NotFound", text: "no longer there" },
  429: { kind: "Unavailable", text: "too many requests" },
};

/** Weak tags are for what looks the same; the bytes may differ. */
function validatorOf(response: HttpResponse): string | undefined {
  const tag = headerOf(response, "etag");
  return tag !== undefined && !tag.startsWith("W/") ? tag : headerOf(response, "last-modified");
}

function firstByteOf(response: HttpResponse): number | undefined {
  const first = /^bytes (\d{1,15})-/.exec(headerOf(response, "content-range") ?? "")?.[1];
  return first === undefined ? undefined : Number(first);
}

async function* skip(body: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of body) {
    if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
