/** What came back for a request, with ways to read it that have an end. */
import { RuntError } from "../../errors.ts";

/** An HTTP response. Whoever has one reads its body to the end or calls `discard`: it holds a connection. */
export interface HttpResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Where it came from in the end, after redirects. */
  readonly url: URL;
  /** The body as it comes; leaving the loop early gives up the connection. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives up the body. */
  discard(): Promise<void>;
}

/** A header's value; of a repeated one the first. */
export function headerOf({ headers }: HttpResponse, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Every value of a header. */
export function headersOf({ headers }: HttpResponse, name: string): readonly string[] {
  const value = headers[name];
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** A header that is a count of bytes. */
export function lengthOf(response: HttpResponse): number | undefined {
  const text = headerOf(response, "content-length");
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * Reads a whole body that must be small.
 * @throws {RuntError} FailedPrecondition for a body longer than `limitBytes`; what the connection throws
 */
export async function readSmall(
  response: HttpResponse,
  limitBytes: number,
  what: string,
): Promise<Uint8Array> {
  const tooLong = (): RuntError =>
    new RuntError("FailedPrecondition", `${what}: longer than the limit of ${limitBytes} bytes`, {
      operation: "read",
      subject: what,
    });
  if ((lengthOf(response) ?? 0) > limitBytes) {
    await response.discard();
    throw tooLong();
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > limitBytes) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The response with its body already here, so that a connection lost on the way counts as no answer.
 * @throws as `readSmall`
 */
export async function buffered(
  response: HttpResponse,
  limitBytes: number,
  what: string,
): Promise<HttpResponse> {
  const bytes = await readSmall(response, limitBytes, what);
  const body = (async function* () {
    yield bytes;
  })();
  return { ...response, body, discard: async () => {} };
}
